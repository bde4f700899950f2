"""Tracing by OpenTelemetry. Unless it is asked for and the extra `telemetry` is installed, this does nothing."""
