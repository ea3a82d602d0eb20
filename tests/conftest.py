"""What holds for all tests: how long a generated example takes says nothing, several of them share the machine."""

from hypothesis import settings

settings.register_profile("shared machine", deadline=None)
settings.load_profile("shared machine")
