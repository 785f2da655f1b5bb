"""Plugins: repairs and dialects of installed packages that the settings name. See docs/plugins.md."""
