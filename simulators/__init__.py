"""The devices of a library on real sockets and lines, written from the manuals."""
