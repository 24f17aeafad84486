"""What can go wrong with a device, sorted by what the caller may do."""


class DriverError(Exception):
    """Something is wrong with a device; says what and where."""


class LinkDownError(DriverError):
    """Nobody answers: try again, for ever, with growing pauses."""


class BadReplyError(DriverError):
    """The answer makes no sense: count it and try again."""


class RefusedError(DriverError):
    """The device understood and said no: never try the same again; report it."""


class NotSentError(LinkDownError):
    """Nobody answers, and the request never left: nothing can have happened."""


class DriverBugError(DriverError):
    """The driver itself is at fault, or met what nobody thought of: report it, and go on."""
