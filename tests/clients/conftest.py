import pytest

pytest.register_assert_rewrite("tests.clients.from_javascript")  # so that a difference is shown
