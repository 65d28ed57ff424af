"""`manage.py check_dataset`: the report, and the exit status."""

import io
import json
from pathlib import Path

import av
import numpy as np
import pytest
from django.core.management import CommandError, call_command

from tests.episodes.golden import Golden, zip_folder
from tests.episodes.golden_video import TOP, add_films, shard, write_v3, write_video


def checked(path: Path, *options: str) -> tuple[str, int]:
    """What was printed, the exit status."""
    out = io.StringIO()
    try:
        call_command("check_dataset", str(path), *options, stdout=out)
    except SystemExit as ended:
        return out.getvalue(), int(ended.code or 0)
    return out.getvalue(), 0


def test_a_good_dataset_is_kept_whole(tmp_path: Path) -> None:
    root = Golden().write(tmp_path / "d")
    said, status = checked(root, "--ci", "--json", str(tmp_path / "report"))
    assert status == 0
    assert "5 of 5 episodes kept, 20 of 20 frames" in said
    assert json.loads((tmp_path / "report").read_text())["totals"]["kept_episodes"] == 5
    assert checked(zip_folder(root, tmp_path / "d.zip"))[1] == 0
    assert checked(root, "--embodiment", "language-table")[1] == 1


def test_a_refused_episode_fails_only_ci(tmp_path: Path) -> None:
    golden = Golden()
    golden.data["action"][5] = [0.0, float("nan")]
    root = golden.write(tmp_path / "d")
    said, status = checked(root)
    assert status == 0
    assert "refused episode 1: 3 frames" in said
    assert "frame 1: action[1] is nan" in said
    assert checked(root, "--ci")[1] == 1


def test_what_is_no_dataset_has_status_2(tmp_path: Path) -> None:
    assert checked(tmp_path)[1] == 2
    with pytest.raises(CommandError, match="is not there") as raised:
        checked(tmp_path / "nowhere")
    assert raised.value.returncode == 2


def test_cameras_as_video_are_checked(tmp_path: Path) -> None:
    root = write_v3(tmp_path / "d", add_films(Golden()))
    said, status = checked(root, "--ci", "--decode")
    assert (status, "5 of 5 episodes kept" in said) == (0, True)
    whole = (root / shard(TOP)).read_bytes()
    (root / shard(TOP)).unlink()
    said, status = checked(zip_folder(root, tmp_path / "d.zip"), "--ci")
    assert status == 1
    assert f"camera '{TOP}': its video is missing" in said
    (root / shard(TOP)).write_bytes(whole)


def test_only_decode_finds_a_frame_that_cannot_be_unpacked(tmp_path: Path) -> None:
    root = write_v3(tmp_path / "d", add_films(Golden()))
    noise = np.random.default_rng(1).integers(0, 256, (13, 48, 64, 3), np.uint8)
    path = write_video(root / shard(TOP), noise)
    data = bytearray(path.read_bytes())
    # Where an h264 frame says how it is packed; its size and time stand elsewhere.
    with av.open(str(path)) as video:
        spoilt = [packet.pos for packet in video.demux(video=0) if packet.pos][5]
    data[spoilt : spoilt + 400] = bytes(byte ^ 0xFF for byte in data[spoilt : spoilt + 400])
    path.write_bytes(data)
    assert checked(root, "--ci")[1] == 0
    said, status = checked(root, "--ci", "--decode")
    assert status == 1
    assert "cannot be decoded" in said
    assert "4 of 5 episodes kept" in said


def test_features_of_other_names_are_mapped(tmp_path: Path) -> None:
    golden = Golden()
    for table in (golden.info["features"], golden.data, golden.types):
        table["actions"] = table.pop("action")
    root = golden.write(tmp_path / "d")
    assert checked(root)[1] == 1
    robot = ("--embodiment", "point-mass")
    assert "no numeric feature 'action'" in checked(root, *robot)[0]
    said = checked(root, *robot, "--any-rate", "--map", "action=actions")[0]
    assert "no numeric feature 'action'" not in said
    with pytest.raises(CommandError, match="needs --task or --embodiment"):
        checked(root, "--map", "action=actions")
    with pytest.raises(CommandError, match="is not OURS=THEIRS"):
        checked(root, *robot, "--map", "action")
