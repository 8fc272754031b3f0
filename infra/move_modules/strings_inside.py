"""The expressions inside f-strings and quoted annotations, at their true positions.

Python 3.11 gives expressions of an f-string wrong positions, and none to a quoted annotation.
"""

import ast
import io
import re
import sys
import tokenize

OPENING, CLOSING = "([{", ")]}"


class Places:
    """Byte positions in a file."""

    def __init__(self, text: str) -> None:
        self.data = text.encode()
        self.lines = text.splitlines(keepends=True)
        self.starts = [0]
        for line in self.data.split(b"\n"):
            self.starts.append(self.starts[-1] + len(line) + 1)

    def offset(self, line: int, column: int) -> int:
        """Return the position of a line (from 1) and a column in bytes."""
        return self.starts[line - 1] + column

    def start(self, node: ast.AST) -> int:
        """Return where a node begins."""
        return self.offset(node.lineno, node.col_offset)  # type: ignore[attr-defined]

    def end(self, node: ast.AST) -> int:
        """Return where a node ends."""
        return self.offset(node.end_lineno, node.end_col_offset)  # type: ignore[attr-defined]

    def token(self, token: tokenize.TokenInfo) -> tuple[int, int]:
        """Return where a token begins and ends."""
        ends = []
        for row, column in (token.start, token.end):
            before = self.lines[row - 1][:column] if row <= len(self.lines) else ""
            ends.append(self.offset(row, len(before.encode())))
        return ends[0], ends[1]

    def line_column(self, offset: int) -> tuple[int, int]:
        """Return the line and the byte column of a position."""
        line = self.data.count(b"\n", 0, offset) + 1
        return line, offset - self.starts[line - 1]


def text_tokens(text: str) -> list[tokenize.TokenInfo]:
    """Return the strings and comments of a Python file."""
    tokens = tokenize.generate_tokens(io.StringIO(text).readline)
    return [each for each in tokens if each.type in (tokenize.STRING, tokenize.COMMENT)]


def fields(text: str, start: int, end: int, raw: bool) -> list[tuple[int, int]]:
    """Return where the expressions of an f-string's text begin and end."""
    found: list[tuple[int, int]] = []
    at = start
    while at < end:
        if not raw and text.startswith("\\N{", at):
            at = text.index("}", at) + 1
        elif text.startswith(("{{", "}}"), at):
            at += 2
        elif text[at] == "{":
            to = _expression_end(text, at + 1, end)
            found.append((at + 1, to))
            at = to
            while at < end and text[at] not in ":}":
                at += 1
            if at < end and text[at] == ":":
                close = _spec_end(text, at + 1, end)
                found += fields(text, at + 1, close, raw)
                at = close
            at += 1
        else:
            at += 1
    return found


def _expression_end(text: str, at: int, end: int) -> int:
    depth, quote = 0, ""
    while at < end:
        char = text[at]
        if quote:
            quote = "" if char == quote else quote
        elif char in "\"'":
            quote = char
        elif char in OPENING:
            depth += 1
        elif char in CLOSING and depth:
            depth -= 1
        elif depth == 0 and (
            char in "}:"
            or (char == "!" and text[at + 1] != "=")
            or (char == "=" and re.match(r"=\s*[!:}]", text[at:]) and text[at - 1] not in "=!<>")
        ):
            return at
        at += 1
    return end


def _spec_end(text: str, at: int, end: int) -> int:
    depth = 0
    while at < end:
        if text[at] == "{":
            depth += 1
        elif text[at] == "}":
            if depth == 0:
                return at
            depth -= 1
        at += 1
    return end


def parse_fragment(places: Places, start: int, end: int) -> ast.expr | None:
    """Parse an expression that stands at a position; None if it is none."""
    try:
        node = ast.parse(b"(" + places.data[start:end] + b")", mode="eval").body
    except (SyntaxError, ValueError):
        return None
    line, column = places.line_column(start)
    for each in ast.walk(node):
        if isinstance(each, (ast.expr, ast.arg, ast.keyword)):
            if each.lineno == 1:
                each.col_offset += column - 1
            if each.end_lineno == 1:
                each.end_col_offset = (each.end_col_offset or 0) + column - 1
            each.lineno += line - 1
            each.end_lineno = (each.end_lineno or 1) + line - 1
    return node


class Opened(ast.NodeTransformer):
    """Puts expressions in the place of f-strings and quoted annotations, for reading only."""

    def __init__(self, places: Places, tokens: list[tokenize.TokenInfo]) -> None:
        self.places = places
        self.strings = [
            (*places.token(each), each.string) for each in tokens if each.type == tokenize.STRING
        ]

    def visit_JoinedStr(self, node: ast.JoinedStr) -> ast.AST:
        """Read the expressions of an f-string anew, at their positions."""
        if sys.version_info >= (3, 12):
            return self.generic_visit(node)
        begin, stop = self.places.start(node), self.places.end(node)
        values: list[ast.expr] = []
        tokens = [each for each in self.strings if begin <= each[0] and each[1] <= stop]
        if not tokens:  # an f-string inside one: its own text
            tokens = [(begin, stop, self.places.data[begin:stop].decode())]
        for start, _, text in tokens:
            head = re.match(r"([A-Za-z]*)(\"\"\"|'''|\"|')", text)
            if not head or "f" not in head[1].lower():
                continue
            tail = len(text) - len(head[2])
            for first, last in fields(text, head.end(), tail, "r" in head[1].lower()):
                left, right = (start + len(text[:each].encode()) for each in (first, last))
                if parsed := parse_fragment(self.places, left, right):
                    values.append(self.visit(parsed))
        return ast.copy_location(ast.Tuple(elts=values, ctx=ast.Load()), node)

    def _annotated(self, node: ast.AST, name: str) -> ast.AST:
        if (annotation := getattr(node, name)) is not None:
            setattr(node, name, self._unquoted(annotation))
        return self.generic_visit(node)

    def visit_arg(self, node: ast.arg) -> ast.AST:
        """Open a parameter's annotation."""
        return self._annotated(node, "annotation")

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        """Open a variable's annotation."""
        return self._annotated(node, "annotation")

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        """Open what a function returns."""
        return self._annotated(node, "returns")

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.AST:
        """Open what a function returns."""
        return self._annotated(node, "returns")

    def visit_Call(self, node: ast.Call) -> ast.AST:
        """Open the first argument of `cast`."""
        if isinstance(node.func, ast.Name) and node.func.id == "cast" and node.args:
            node.args[0] = self._unquoted(node.args[0])
        return self.generic_visit(node)

    def _unquoted(self, node: ast.expr) -> ast.expr:
        """Return an annotation with its quoted parts read."""
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            start, end = self.places.start(node), self.places.end(node)
            if len(node.value.encode()) + 2 == end - start:
                return parse_fragment(self.places, start + 1, end - 1) or node
        elif isinstance(node, ast.Subscript):
            head = ast.unparse(node.value).rpartition(".")[2]
            if head == "Annotated" and isinstance(node.slice, ast.Tuple):
                node.slice.elts[0] = self._unquoted(node.slice.elts[0])
            elif head != "Literal":
                node.slice = self._unquoted(node.slice)
        elif isinstance(node, ast.BinOp):
            node.left, node.right = self._unquoted(node.left), self._unquoted(node.right)
        elif isinstance(node, (ast.Tuple, ast.List)):
            node.elts = [self._unquoted(each) for each in node.elts]
        return node
