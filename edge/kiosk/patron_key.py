"""The key under which readers' card numbers are hashed before they leave the kiosk."""

import hmac
import os
import secrets
from pathlib import Path

LENGTH = 32


def patron_key(folder: Path) -> bytes:
    """Give the edge's own key from `folder`, making it (mode 0600) when there is none.

    Raises OSError when it can be neither read nor made, ValueError when it is damaged: a new key
    would make every reader a stranger to the statistics, so that is for a person to decide.
    """
    path = folder / "patron.key"
    if not path.exists():
        draft = folder / f"patron.key.{os.getpid()}"
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(secrets.token_bytes(LENGTH))
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    key = path.read_bytes()
    if len(key) != LENGTH:
        raise ValueError(f"{path} has {len(key)} bytes instead of {LENGTH}; restore or remove it")
    return key


def patron_hash(key: bytes, card: str) -> str:
    """Hash a card number; without the key it cannot be guessed back."""
    return hmac.digest(key, card.encode(), "sha256").hex()
