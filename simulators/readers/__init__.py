"""Readers who borrow, return and ask for books from the stacks."""
