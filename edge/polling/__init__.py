"""Reads the devices, each at its own pace."""
