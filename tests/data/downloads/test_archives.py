"""Archives that were damaged on their way."""

import pytest

from t5lite.data.downloads.archives import unpack
from tests.data.downloads.test_download import GOOD, files, flipped, make_tar, make_zip


@pytest.mark.parametrize(("name", "make"), [("a.tar.gz", make_tar), ("a.zip", make_zip)])
def test_a_damaged_archive_is_an_error_or_makes_no_difference(tmp_path, name, make):
    """Every byte flipped, and every end cut off."""
    whole = make(GOOD)
    damaged = [flipped(whole, place) for place in range(len(whole))]
    damaged += [whole[:length] for length in range(len(whole))]
    errors = 0
    for number, content in enumerate(damaged):
        archive, folder = tmp_path / f"{number}.{name}", tmp_path / str(number)
        archive.write_bytes(content)
        folder.mkdir()
        try:
            unpack(archive, folder, name=name, strip=1)
        except ValueError:
            errors += 1
        else:
            assert files(folder) == {path[4:]: text for path, text in GOOD}, number
    assert errors > 0.7 * len(damaged)
