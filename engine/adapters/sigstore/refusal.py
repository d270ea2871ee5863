"""Why a signature does not count."""


class Refused(Exception):
    """
    This one signature proves nothing; another may. Its text is shown to people, and may quote
    what nobody vouches for.
    """
