"""Detection of content types: by the bytes, and by the name among kinds of one container format."""

import io
import zipfile

import pytest

from chat import files
from chat.files import documents, kinds
from tests.chat.files.test_rows import store  # noqa: F401
from tests.people import make_user

ZIPPED = io.BytesIO()
with zipfile.ZipFile(ZIPPED, "w") as archive:
    archive.writestr("[Content_Types].xml", "<Types/>")
CONTAINER = ZIPPED.getvalue()
EMPTY = b"PK\x05\x06" + bytes(18)
OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(504)
GZIP = b"\x1f\x8b\x08\x00" + bytes(20)
MOVIE = b"\0\0\0\x20ftypisom" + bytes(30)
CHINESE = "天空是蓝色的，因为空气散射蓝光比红光更多。\n这是一份普通的文本文件，用来检验编码的识别。"
JAPANESE = "空が青いのは、空気が赤い光よりも青い光を強く散乱するからです。これは普通のテキストです。"
KOREAN = "하늘이 파란 것은 공기가 붉은 빛보다 푸른 빛을 더 많이 흩뜨리기 때문입니다. 이것은 보통 글입니다."
RUSSIAN = "Небо синее, потому что воздух рассеивает синий свет сильнее красного."
GREEK = "Ο ουρανός είναι γαλάζιος, επειδή ο αέρας σκεδάζει το μπλε φως."
HEBREW = "השמיים כחולים כי האוויר מפזר אור כחול."
ENGLISH = "The sky is blue.\r\nAir scatters blue light.\r\n"
GERMAN = "Größe und Übermut – „fünf Äpfel“ kosten 5 €.\nDas Café schließt früh.\n"


@pytest.mark.parametrize("suffix", sorted(kinds.ZIP))
@pytest.mark.parametrize("stem", ["report", "Übersicht 2", "a.b"])
def test_a_name_keeps_its_extension_where_a_zip_holds_its_kind(suffix, stem):
    content_type = files.sniff(CONTAINER, stem + suffix)
    assert content_type == kinds.ZIP[suffix]
    assert kinds.display_name(stem + suffix, content_type) == stem + suffix
    assert kinds.display_name(f"{stem}{suffix.upper()}", content_type) == stem + suffix.upper()


@pytest.mark.parametrize(
    ("content", "name", "shown", "content_type"),
    [
        (CONTAINER, "all.zip", "all.zip", "application/zip"),
        (EMPTY, "none.zip", "none.zip", "application/zip"),
        (CONTAINER, "photo.png", "photo.zip", "application/zip"),
        (CONTAINER, "page.html", "page.zip", "application/zip"),
        (CONTAINER, "report.pdf", "report.zip", "application/zip"),
        (CONTAINER, "report.doc", "report.zip", "application/zip"),
        (CONTAINER, "", "file.zip", "application/zip"),
        (b"%PDF-1.7", "report.docx", "report.pdf", "application/pdf"),
        (b"plain words", "report.docx", "report.docx", "text/plain"),
        (OLE, "report.doc", "report.doc", "application/msword"),
        (OLE, "sheet.XLS", "sheet.XLS", "application/vnd.ms-excel"),
        (OLE, "mail.msg", "mail.msg", "application/vnd.ms-outlook"),
        (OLE, "report.docx", "report.bin", "application/x-ole-storage"),
        (GZIP, "all.tar.gz", "all.tar.gz", "application/gzip"),
        (GZIP, "all.tgz", "all.tgz", "application/gzip"),
        (GZIP, "photo.png", "photo.gz", "application/gzip"),
        (MOVIE, "whale.mp4", "whale.mp4", "video/mp4"),
        (MOVIE, "whale.mov", "whale.mov", "video/quicktime"),
        (MOVIE, "song.m4a", "song.m4a", "audio/mp4"),
        (MOVIE, "song.mp3", "song.mp4", "video/mp4"),
        (b"\x7fELF\0\0\0\2", "tool.docx", "tool.bin", "application/octet-stream"),
    ],
)
@pytest.mark.django_db
def test_a_name_and_its_content_fit_each_other(store, content, name, shown, content_type):  # noqa: F811
    row = files.accept(make_user("Ada"), content, name=name)
    assert (row.name, row.content_type) == (shown, content_type)
    assert not kinds.is_shown(row.content_type, row.name) or content_type == "text/plain"


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
@pytest.mark.parametrize("text", [ENGLISH, GERMAN, CHINESE, JAPANESE, KOREAN, RUSSIAN, GREEK, HEBREW, "Hi!\n"])
def test_wide_text_without_a_mark_is_text_in_both_orders(encoding, text):
    content = text.encode(encoding)
    assert files.sniff(content, "notes.txt") == "text/plain"
    assert documents.read(content, "text/plain").text == text.replace("\r\n", "\n")


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_wide_text_is_known_where_nothing_in_it_is_ascii(encoding):
    text = "天空是蓝色的因为空气散射蓝光比红光更多这是一份普通的文本文件用来检验编码的识别"
    assert documents.read(text.encode(encoding), "text/plain").text == text


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("text", [ENGLISH * 400, CHINESE * 400, RUSSIAN * 400])
def test_long_wide_text_is_cut_where_its_sample_ends(encoding, text):
    content = text.encode(encoding) + b"\0"  # an odd byte at the end
    assert files.sniff(content[: kinds.HEAD], "a.csv") == "text/csv"
    assert documents.read(content, "text/csv").text.startswith(text.replace("\r\n", "\n")[:4000])


@pytest.mark.parametrize("encoding", ["utf-8", "cp1252"])
@pytest.mark.parametrize("place", [0, 7, -1])
def test_a_text_with_one_nul_is_text(encoding, place):
    text = GERMAN * 3
    cut = place if place >= 0 else len(text)
    content = text[:cut].encode(encoding) + b"\0" + text[cut:].encode(encoding)
    assert files.sniff(content, "notes.txt") == "text/plain"
    assert documents.read(content, "text/plain").text == text


@pytest.mark.parametrize("content", [b"a\0b", ENGLISH.encode() + b"\0\0", "天空\0是蓝色的".encode(), b"A=1\0" * 1])
def test_few_nuls_do_not_make_a_text_binary(content):
    assert files.sniff(content) == "text/plain"
    assert "\0" not in documents.read(content, "text/plain").text


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("gb18030", CHINESE),
        ("gbk", CHINESE.replace("\n", "")),
        ("shift_jis", JAPANESE),
        ("euc_jp", JAPANESE),
        ("euc_kr", KOREAN),
        ("big5", "天空是藍色的，因為空氣散射藍光比紅光更多。這是一份普通的文字檔案。"),
        ("cp1252", GERMAN * 4),
        ("cp1251", RUSSIAN * 3),
        ("koi8_r", RUSSIAN * 3),
    ],
)
def test_text_of_eight_bits_is_not_taken_for_wide_text(encoding, text):
    content = text.encode(encoding)
    assert files.sniff(content, "notes.txt") == "text/plain"
    if encoding != "koi8_r":  # which looks like another one
        assert documents.read(content, "text/plain").text == text


@pytest.mark.parametrize(
    "content",
    [
        bytes(range(256)) * 4,
        b"\x7fELF\x02\x01\x01" + bytes(9) + b"\x03\0\x3e\0\x01\0\0\0" * 20,
        b"\0asm\x01\0\0\0" + bytes(range(40)),
        b"\0\0\x01\0\x01\0\x10\x10\0\0\x01\0\x20\0\x68\x04\0\0\x16\0\0\0" + bytes(100),
        b"SQLite format 3\0\x10\0\x01\x01\0\x40\x20\x20" + bytes(80),
        bytes(64),
        b"\0",
        b"\xca\xfe\xba\xbe\0\0\0\x41\0\x1d\x0a\0\x02\0\x03\x07\0\x04",
        bytes((number * 197 + 13) ** 3 % 251 for number in range(4096)),
    ],
)
def test_what_is_binary_stays_binary(content):
    assert files.sniff(content, "notes.txt") == "application/octet-stream"
