"""Examples in docstrings and in the guide may write files: each runs in a folder of its own."""

import pytest


@pytest.fixture(autouse=True)
def _folder_of_its_own(request):
    if isinstance(request.node, pytest.DoctestItem):
        request.getfixturevalue("monkeypatch").chdir(request.getfixturevalue("tmp_path"))
