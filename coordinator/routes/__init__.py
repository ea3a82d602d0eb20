"""The analyst's interface, route by route. Routes only translate: requests to use cases, stored values to views."""
