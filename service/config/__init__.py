"""Every setting of the service, each declared once; and how durations and addresses are written."""

from __future__ import annotations

from service.config.declaring import Setting, SettingsError
from service.config.settings import SETTINGS, Settings
from service.config.spelling import misspelt

__all__ = ["SETTINGS", "Setting", "Settings", "SettingsError", "misspelt"]
