"""One file per device model. A register map is data; a class only where a device behaves."""
