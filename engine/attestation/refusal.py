"""The exception for a signature that does not count."""


class Refused(Exception):
    """
    One signature was refused; another one may be good. The text is shown to people, and may quote
    unverified content.
    """
