"""The comparison as text: advice, tables and method, rendered to HTML, Markdown and LaTeX.

Not here: computing the numbers (`analysis`) or drawing them (`figures`).
"""
