"""What a malformed contract raises: one exception, which says what, where, and what was expected."""


class SchemaError(ValueError):
    """A document, key or record that does not follow driftline's contracts.

    `where` names the place (a file, a field, a key); the message says what to do.
    """

    def __init__(self, message: str, *, where: str = "") -> None:
        super().__init__(f"{where}: {message}" if where else message)
        self.where = where
