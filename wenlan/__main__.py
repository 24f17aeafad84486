"""`python -m wenlan` is `wenlan`."""

from wenlan.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
