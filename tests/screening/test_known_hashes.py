"""Lists of perceptual hashes: exact search, exceptions, videos, and files with bad rows."""

from __future__ import annotations

import json
import random
from pathlib import Path

import numpy as np
import pytest

from moderation.screening.hash_formats import Bad, Row, UnreadableList, read
from moderation.screening.hash_index import RADIUS, HashIndex, words_of
from moderation.screening.known_hashes import (
    PROVIDER,
    Bank,
    BankRows,
    KnownHashes,
    VideoTally,
)

rng = random.Random(5)


def some_hash() -> bytes:
    """32 bytes with as many ones as zeros, like a PDQ hash."""
    bits = [1] * 128 + [0] * 128
    rng.shuffle(bits)
    return np.packbits(bits).tobytes()


def flip(value: bytes, bits: int) -> bytes:
    flipped = np.unpackbits(np.frombuffer(value, np.uint8))
    for index in rng.sample(range(256), bits):
        flipped[index] ^= 1
    return np.packbits(flipped).tobytes()


def bank(
    values: list[bytes],
    *,
    pk: int = 1,
    provider: str = PROVIDER,
    negative: bool = False,
    quarantined: bool = False,
    videos: list[int] | None = None,
) -> BankRows:
    n = len(values)
    return BankRows(
        Bank(pk, provider, negative),
        words_of(values),
        np.arange(1, n + 1, dtype=np.int64) + 100 * pk,
        np.full(n, quarantined),
        np.array(videos if videos is not None else [-1] * n, np.int64),
    )


@pytest.fixture(scope="module")
def many() -> list[bytes]:
    words = np.random.default_rng(2).integers(0, 2**64, (30_000, 4), np.uint64)
    return [row.tobytes() for row in words]


def test_the_index_finds_exactly_what_a_scan_finds(many: list[bytes]) -> None:
    index, table = HashIndex(many), words_of(many)
    for distance in (0, 1, 15, 16, 30, 31, 32, 60):
        for number in rng.sample(range(len(many)), 12):
            query = flip(many[number], distance)
            expected = np.bitwise_count(table ^ words_of([query])[0]).sum(axis=1)
            rows, distances = index.search(query)
            assert set(rows.tolist()) == set(np.flatnonzero(expected <= RADIUS).tolist())
            assert distances.tolist() == sorted(distances.tolist())


def test_a_list_of_near_copies_is_read_whole_and_answers_the_same() -> None:
    base = some_hash()
    copies = [flip(base, 12) for _ in range(21_000)]
    rows, _ = HashIndex(copies).search(base)

    assert len(rows) == 21_000


def test_a_radius_the_tables_cannot_answer_is_refused() -> None:
    with pytest.raises(ValueError, match="radius"):
        HashIndex([], radius=RADIUS + 1)


def test_an_exception_as_near_as_the_entry_wins_and_a_farther_one_does_not() -> None:
    listed, twin = some_hash(), some_hash()
    known = KnownHashes(banks=[bank([listed, twin]), bank([flip(listed, 4)], pk=2, negative=True)])

    assert known.matches(listed)[0].distance == 0  # the entry itself lies nearer
    assert known.matches(flip(twin, 20))[0].bank == 1
    near_the_exception = KnownHashes(
        banks=[bank([flip(listed, 10)]), bank([listed], pk=2, negative=True)]
    )
    assert near_the_exception.matches(listed) == []
    assert near_the_exception.distance(listed) is None


def test_a_match_names_its_bank_and_entry() -> None:
    values = [some_hash() for _ in range(5)]
    known = KnownHashes(
        [some_hash()],
        banks=[bank(values, pk=7, provider="hashes:party"), bank([some_hash()], pk=8)],
    )

    (match,) = known.matches(flip(values[3], 9))

    assert (match.bank, match.entry, match.provider, match.distance) == (7, 704, "hashes:party", 9)


def test_one_frame_of_a_listed_video_says_nothing_and_half_of_them_do() -> None:
    video = [some_hash() for _ in range(8)]
    known = KnownHashes(banks=[bank(video, videos=[0] * 8)])

    def share(frames: list[bytes]) -> float:
        tally = VideoTally(known)
        for value in frames:
            tally.add(known.matches(value))
        return max((s for _, s in tally.results()), default=0.0)

    others = [some_hash() for _ in range(10)]
    assert known.distance(video[0]) is None
    assert share(others) == 0.0
    assert share([*others, video[0]]) == pytest.approx(1 / 8)
    assert share([*others, *video[:4]]) == pytest.approx(0.5)  # half of the stored video
    assert share([video[0], video[0]]) == 1.0  # all of the clip


# --- Files -----------------------------------------------------------------------------------------


def rows_of(tmp_path: Path, name: str, text: str, form: str = "auto") -> list[Row | Bad]:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return list(read(path, form))


def test_a_list_of_lines_with_bad_rows_names_each(tmp_path: Path) -> None:
    good = some_hash().hex()
    found = rows_of(
        tmp_path,
        "list.txt",
        f"# from somewhere\n{good}\n{good[:-2]}\n{'g' * 64}\n{'0' * 64}\npdq {good}\nmd5 {'a' * 32}\n\n",
    )

    assert [item.value.hex() for item in found if isinstance(item, Row)] == [good, good]
    bad = [item for item in found if isinstance(item, Bad)]
    assert [item.where for item in bad] == ["line 3", "line 4", "line 5", "line 7"]
    assert "62 characters" in bad[0].why
    assert "hex" in bad[1].why
    assert "plain" in bad[2].why
    assert "md5 is not supported" in bad[3].why


def test_a_csv_may_name_types_references_videos_and_removals(tmp_path: Path) -> None:
    one, two, three = (some_hash().hex() for _ in range(3))
    found = rows_of(
        tmp_path,
        "list.csv",
        "\ufeffHash,Type,ID,video,seconds,quality,removed\n"
        f"{one},pdq,a1,,,,\n{two},,a2,v9,2.5,80,\n{three},,,v9,3,12,\n,,a7,,,,true\nnothing,,,,,,\n",
    )

    assert found[0] == Row(bytes.fromhex(one), reference="a1")
    assert found[1] == Row(bytes.fromhex(two), reference="v9", video="v9", seconds=2.5)
    assert isinstance(found[2], Bad)
    assert "plain" in found[2].why
    assert found[3] == Row(b"", reference="a7", removed=True)
    assert isinstance(found[4], Bad)


def test_descriptors_of_threatexchange_are_read_whole_and_by_line(tmp_path: Path) -> None:
    one, two = some_hash().hex(), some_hash().hex()
    items = [
        {"id": 1, "type": "HASH_PDQ", "indicator": one, "status": "MALICIOUS"},
        {"id": 2, "type": "HASH_VIDEO_VPDQ", "indicator": json.dumps([f"{two},90,1.0", "x"])},
        {"id": 3, "type": "HASH_VIDEO_MD5", "indicator": "ab" * 16},
        {"id": 4, "should_delete": True},
        "nonsense",
    ]
    for text in (
        json.dumps({"data": items}),
        "\n".join(json.dumps(item) for item in items),
    ):
        found = rows_of(tmp_path, "te.json", text)
        good = [item for item in found if isinstance(item, Row)]
        assert [(row.value.hex(), row.reference, row.removed) for row in good] == [
            (one, "1", False), (two, "2", False), ("", "4", True),
        ]  # fmt: skip
        assert len([item for item in found if isinstance(item, Bad)]) == 3


def test_records_of_stopncii_are_read_and_withdrawn_ones_are_removals(tmp_path: Path) -> None:
    one, two = some_hash().hex(), some_hash().hex()
    records = [
        {"signalType": "ImagePDQ", "hashValue": one, "hashStatus": "Active",
         "caseNumbers": {"c-1": "Active"}},
        {"signalType": "ImagePDQ", "hashValue": two, "hashStatus": "Withdrawn", "caseNumbers": []},
        {"signalType": "VideoTMK", "hashValue": "x", "hashStatus": "Active"},
        {"signalType": "ImagePDQ"},
    ]  # fmt: skip
    found = rows_of(tmp_path, "s.json", json.dumps({"hashRecords": records}))

    assert found[0] == Row(bytes.fromhex(one), reference="c-1")
    assert found[1] == Row(bytes.fromhex(two), removed=True)
    assert all(isinstance(item, Bad) for item in found[2:])


NCMEC = """<?xml version="1.0"?>
<queryResult xmlns="https://hashsharing.ncmec.org/hashsharing/v2">
 <images count="3" maxTimestamp="2026-10-01T00:00:00Z">
  <image><member id="42">Example</member><timestamp>2026-09-30T00:00:00Z</timestamp><id>image1</id>
   <classification>A1</classification><fingerprints><md5>{md5}</md5><pdq>{pdq}</pdq></fingerprints></image>
  <image><member id="42">Example</member><id>image2</id>
   <fingerprints><md5>{md5}</md5></fingerprints></image>
  <deletedImage><member id="42">Example</member><id>image3</id></deletedImage>
 </images></queryResult>"""


def test_entries_of_the_ncmec_interface_are_read(tmp_path: Path) -> None:
    value = some_hash().hex()
    found = rows_of(tmp_path, "n.xml", NCMEC.format(md5="ab" * 16, pdq=value))

    assert found[0] == Row(bytes.fromhex(value), reference="image1")
    assert found[1] == Bad("entry 2", "no PDQ among its fingerprints")
    assert found[2] == Row(b"", reference="image3", removed=True)


def test_xml_with_entities_is_refused_and_a_cut_file_says_where(tmp_path: Path) -> None:
    bomb = '<!DOCTYPE a [<!ENTITY b "bbbb"><!ENTITY c "&b;&b;">]><queryResult>&c;</queryResult>'
    with pytest.raises(UnreadableList, match="entities"):
        rows_of(tmp_path, "bomb.xml", bomb)
    whole = NCMEC.format(md5="ab" * 16, pdq=some_hash().hex())
    found = rows_of(tmp_path, "cut.xml", whole[: whole.index("<deletedImage>")])
    assert isinstance(found[0], Row)
    assert "no XML from here on" in found[-1].why  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "text",
    ['{"data": 5}', "{", '{"hashRecords": {"a": 1}}', "[" * 100_000],
    ids=["no list", "cut", "an object", "deep"],
)
def test_a_document_that_is_no_list_is_refused_in_words(tmp_path: Path, text: str) -> None:
    with pytest.raises(UnreadableList):
        rows_of(tmp_path, "x.json", text, "stopncii" if "hashRecords" in text else "threatexchange")


def test_a_missing_file_and_an_endless_line_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UnreadableList, match="can't be read"):
        list(read(tmp_path / "nothing.txt"))
    with pytest.raises(UnreadableList, match="longer than"):
        rows_of(tmp_path, "long.txt", "a" * (5 << 20), "lines")
