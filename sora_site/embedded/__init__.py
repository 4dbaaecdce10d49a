"""The services `./sora up` runs itself when no URL points at external ones. Imports no Django."""
