"""Devices: where networks compute, in which precision, and with how much memory."""

from pipekit.devices.memory import keep_memory

__all__ = ["keep_memory"]
