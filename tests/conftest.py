"""What all tests start from."""

from hypothesis import settings

settings.register_profile("untimed", deadline=None)  # the machine may be busy, and a first call may import
settings.load_profile("untimed")
