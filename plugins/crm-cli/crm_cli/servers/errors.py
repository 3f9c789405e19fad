"""The one error of the local servers."""


class ServerError(Exception):
    """A local server cannot do what was asked; the text says what to do and where its log is."""
