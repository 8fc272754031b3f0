"""The one exception that means 'the user can mend this', and how others' errors are quoted."""


class UserError(Exception):
    """A mistake of the user's making: what was given, what was expected, what to do.

    The command line prints the message as one paragraph and exits with 2, without a
    traceback. Anything else that escapes is a defect of ours and keeps its traceback.
    """


def first_line(error: object) -> str:
    """Return what an error says in one line; its kind where it says nothing.

    Libraries put the cause first, and then a page of their own.
    """
    return (str(error).strip() or type(error).__name__).splitlines()[0]
