"""Metrics, traces and logs. Telemetry is told, and asks nobody."""
