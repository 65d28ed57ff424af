"""manage.py export_dataset"""

import io
import zipfile
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from practice.models import User
from tests.factories import make_dataset, make_demos

pytestmark = pytest.mark.django_db


def test_a_dataset_is_written_here_and_now(tmp_path: Path) -> None:
    dataset, said = make_demos(), io.StringIO()
    out = tmp_path / "rings.zip"
    call_command("export_dataset", str(dataset.pk), str(out), stdout=said)
    assert "v1: 2 episodes" in said.getvalue()
    with zipfile.ZipFile(out) as packed:
        assert "meta/info.json" in packed.namelist()


def test_what_is_wrong_is_said_in_one_sentence(tmp_path: Path, vera: User) -> None:
    out = str(tmp_path / "rings.zip")
    for arguments, said in [
        (["999", out], "no dataset 999"),
        ([str(make_dataset().pk), out], "holds no episode"),
        ([str(make_demos().pk), str(tmp_path)], "is no .zip"),
        ([str(make_demos().pk), out, "--by", "nobody"], "nobody called nobody"),
        ([str(make_demos().pk), out, "--by", "vera"], "operator"),
    ]:
        with pytest.raises(CommandError, match=said):
            call_command("export_dataset", *arguments)
    assert not Path(out).exists()
