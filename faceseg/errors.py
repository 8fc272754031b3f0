"""The one exception that means 'the user can mend this'."""


class UserError(Exception):
    """A mistake of the user's making: what was given, what was expected, what to do.

    The command line prints the message as one paragraph and exits with 2, without a
    traceback. Anything else that escapes is a defect of ours and keeps its traceback.
    """
