"""The key under which readers' card numbers are hashed before they leave the kiosk."""

import hmac
from collections.abc import Callable

from runtime.folder import Folder

NAME = "patron.key"
LENGTH = 32


def patron_key(folder: Folder, secret: Callable[[int], bytes]) -> bytes:
    """Give the edge's own key from `folder`, making it when there is none.

    Raises OSError when it can be neither read nor made, ValueError when it is damaged: a new key
    would make every reader a stranger to the statistics, so that is for a person to decide.
    """
    if not folder.exists(NAME):
        folder.write(NAME, secret(LENGTH))
    key = folder.read(NAME)
    if len(key) != LENGTH:
        path = folder.path / NAME
        raise ValueError(f"{path} has {len(key)} bytes instead of {LENGTH}; restore or remove it")
    return key


def patron_hash(key: bytes, card: str) -> str:
    """Hash a card number; without the key it cannot be guessed back."""
    return hmac.digest(key, card.encode(), "sha256").hex()
