"""Each example of a docstring or the guide runs in its own folder, because it may write files."""

import pytest


@pytest.fixture(autouse=True)
def _temporary_folder(request):
    if isinstance(request.node, pytest.DoctestItem):
        request.getfixturevalue("monkeypatch").chdir(request.getfixturevalue("tmp_path"))
