"""Register images of the device models, from their manuals."""
