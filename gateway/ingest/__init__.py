"""From a message to the store: subscriber, validation, pipeline."""
