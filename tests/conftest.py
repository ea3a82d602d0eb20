"""What holds for all tests.

Generated examples are the same at every run, so that a change is all that can turn a check red; `pytest
--hypothesis-profile exploring` looks for new ones. How long one takes says nothing: several of them share the machine.
"""

from hypothesis import settings

settings.register_profile("exploring", deadline=None)
settings.register_profile("repeatable", deadline=None, derandomize=True)
settings.load_profile("repeatable")
