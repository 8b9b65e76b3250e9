"""How the demo says that it cannot go on."""


class DemoError(Exception):
    """Something the user can act on; the text says what and what next."""
