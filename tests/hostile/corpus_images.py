"""Image files that are broken, mislabelled or made to do harm: generators of (name, bytes)."""

import io
import struct
import zipfile
import zlib
from collections.abc import Iterator

import numpy as np
from PIL import Image

Item = tuple[str, bytes]
_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_SHARES = (0.001, 0.01, 0.03, 0.1, 0.2, 0.35, 0.5, 0.65, 0.8, 0.9, 0.97, 0.999)


def picture(width=37, height=23) -> Image.Image:
    y, x = np.mgrid[:height, :width]
    channels = (255 * x / width, 255 * y / height, 127 + 127 * np.sin(x / 5 + y / 9))
    return Image.fromarray(np.stack(channels, -1).astype(np.uint8))


def encoded(kind: str, image: Image.Image | None = None, **options) -> bytes:
    file = io.BytesIO()
    (image or picture()).save(file, kind, **options)
    return file.getvalue()


def chunk(name: bytes, data: bytes, crc: int | None = None) -> bytes:
    crc = zlib.crc32(name + data) if crc is None else crc
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", crc)


def png(width=2, height=2, bits=8, colour=2, rows=None, before=b"", **options) -> bytes:
    """A PNG by hand; `rows` is what is packed into IDAT."""
    rest = [options.get(name, 0) for name in ("packing", "filters", "interlaced")]
    header = struct.pack(">IIBBBBB", width, height, bits, colour, *rest)
    rows = b"\0\1\2\3\4\5\6" * 2 if rows is None else rows
    body = chunk(b"IHDR", header) + before + chunk(b"IDAT", zlib.compress(rows, 9))
    return _SIGNATURE + body + chunk(b"IEND", b"")


def jpeg_of(width: int, height: int) -> bytes:
    """A small JPEG whose header states another size."""
    data = encoded("JPEG")
    start = data.index(b"\xff\xc0")
    return data[: start + 5] + struct.pack(">HH", height, width) + data[start + 9 :]


def jpeg_with(segment: bytes, marker=0xE1) -> bytes:
    data = encoded("JPEG")
    return data[:2] + struct.pack(">BBH", 0xFF, marker, 2 + len(segment)) + segment + data[2:]


def cut_off() -> Iterator[Item]:
    for kind in ("JPEG", "PNG", "GIF", "BMP"):
        data = encoded(kind, picture(64, 48))
        for share in _SHARES:
            yield f"{kind} cut off at {share:.1%}", data[: int(len(data) * share)]


def altered() -> Iterator[Item]:
    """A run of bytes turned over, at places all over the file."""
    for kind in ("JPEG", "PNG", "GIF"):
        data = encoded(kind, picture(64, 48))
        for place in np.linspace(2, len(data) - 9, 12).astype(int):
            turned = bytes(255 - byte for byte in data[place : place + 8])
            yield f"{kind} altered at {place}", data[:place] + turned + data[place + 8 :]


def mislabelled() -> Iterator[Item]:
    jpeg, whole = encoded("JPEG"), encoded("PNG")
    yield "nothing", b""
    yield "one byte", b"\xff"
    yield "JPEG's first bytes alone", b"\xff\xd8\xff"
    yield "PNG's first bytes alone", _SIGNATURE
    yield "PNG's body behind JPEG's start", jpeg[:20] + whole[8:]
    yield "JPEG's body behind PNG's start", whole[:33] + jpeg[2:]
    yield "web page", b"<!doctype html><title>404</title>"
    yield "script", b"#!/bin/sh\necho harm\n"
    yield "SVG", b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
    yield "PostScript", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(/etc/passwd) run\n"
    yield "PDF", b"%PDF-1.7\n1 0 obj<</Type/Catalog>>endobj\n"
    yield "git-lfs pointer", b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n"
    yield "zero bytes", bytes(100_000)
    yield "255 bytes", b"\xff" * 100_000
    yield "JPEG's start, then 255 bytes", b"\xff\xd8" + b"\xff" * 100_000
    yield "noise", np.random.default_rng(0).bytes(10_000)
    yield "JPEG's start, then noise", b"\xff\xd8\xff\xe0" + np.random.default_rng(1).bytes(9_999)
    yield "text in base 64", b"/9j/4AAQSkZJRgABAQAAAQABAAD/"
    for kind in ("WEBP", "TIFF", "ICO", "PPM", "TGA", "GIF", "BMP"):
        yield f"{kind}, whole", encoded(kind)


def bombs() -> Iterator[Item]:
    """Small files that say that they are large, or that unpack to something large."""
    for width, height in (
        (65535, 65535),
        (2**31 - 1, 2**31 - 1),
        (2**31, 1),
        (2**32 - 1, 2**32 - 1),
    ):
        yield f"PNG of {width} x {height}", png(width, height)
    for width, height in ((0, 0), (0, 5), (5, 0), (1, 2**31 - 1), (2**27, 1), (100_000, 100_000)):
        yield f"PNG of {width} x {height}", png(width, height)
    for width, height in ((65500, 65500), (65535, 65535), (0, 0), (0, 9), (9, 0), (65535, 1)):
        yield f"JPEG of {width} x {height}", jpeg_of(width, height)
    gif = bytearray(encoded("GIF"))
    gif[6:10] = b"\xff\xff\xff\xff"
    yield "GIF of 65535 x 65535", bytes(gif)
    for name, size in (("huge", 2**31 - 1), ("negative", 2**32 - 50_000), ("nothing", 0)):
        bmp = bytearray(encoded("BMP"))
        bmp[18:26] = struct.pack("<II", size, size)
        yield f"BMP, {name}", bytes(bmp)
    yield "PNG whose rows go on for 50 MB", png(rows=bytes(50_000_000))
    text = b"Comment\0\0" + zlib.compress(bytes(50_000_000), 9)
    yield "PNG with a comment of 50 MB", png(before=chunk(b"zTXt", text))
    profile = b"ICC\0\0" + zlib.compress(bytes(50_000_000), 9)
    yield "PNG with a colour profile of 50 MB", png(before=chunk(b"iCCP", profile))
    yield "PNG of 10,000 chunks", png(before=chunk(b"tEXt", b"a\0b") * 10_000)


def polyglots() -> Iterator[Item]:
    """Files that are two things at once; the image is whole."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("../harm.py", "raise SystemExit")
    for kind in ("JPEG", "PNG", "GIF"):
        yield f"{kind} and zip", encoded(kind) + archive.getvalue()
        yield f"{kind} and page", encoded(kind) + b"<script>alert(1)</script>"
        yield f"{kind} and another {kind}", encoded(kind) * 2
    yield "JPEG with a page as comment", jpeg_with(b"<?php system('harm'); ?>", 0xFE)
    yield "PNG with a page as comment", png(before=chunk(b"tEXt", b"Comment\0<script>"))
    yield "PDF and JPEG", b"%PDF-1.7\n" + encoded("JPEG")
    yield "GIF and script", b"GIF89a/*" + encoded("GIF")[8:] + b"*/=1;"


def broken_chunks() -> Iterator[Item]:
    whole = encoded("PNG")
    start = whole.index(b"IDAT") - 4
    yield "PNG without IDAT", whole[:start] + chunk(b"IEND", b"")
    yield "PNG without IEND", whole[:-12]
    yield "PNG with a wrong checksum of IHDR", whole[:29] + b"\0\0\0\0" + whole[33:]
    yield "PNG with a wrong checksum of IDAT", whole[:-16] + b"\0\0\0\0" + whole[-12:]
    yield "PNG with two IHDR", whole[:33] + whole[8:]
    yield "PNG with a chunk of 4 GB", png(before=b"\xff\xff\xff\xfftEXtabc")
    yield "PNG with an unknown critical chunk", png(before=chunk(b"HARM", b"x"))
    yield "PNG with a filter that there is not", png(rows=b"\x09\1\2\3\4\5\6" * 2)
    yield "PNG with too few rows", png(rows=b"\0\1\2\3")
    yield "PNG with rows that are not packed", _SIGNATURE + whole[8:33] + chunk(b"IDAT", b"raw")
    yield "PNG of a palette that is missing", png(colour=3, rows=b"\0\0\0" * 2)
    yield "PNG beyond its palette", png(colour=3, rows=b"\0\7\7" * 2, before=chunk(b"PLTE", b"abc"))
    yield "PNG with a palette of 300", png(colour=3, before=chunk(b"PLTE", bytes(900)))
    yield "PNG with a palette of 2 bytes", png(colour=3, before=chunk(b"PLTE", b"ab"))
    yield "PNG with too much transparency", png(before=chunk(b"tRNS", bytes(500)))
    yield "PNG with the letters tRNS in a text", png(before=chunk(b"tEXt", b"a\0tRNS"))
    for bits in (0, 3, 5, 7, 16, 32, 255):
        yield f"PNG of {bits} bits", png(bits=bits)
    for colour in (1, 5, 7, 255):
        yield f"PNG of colour type {colour}", png(colour=colour)
    for name in ("packing", "filters", "interlaced"):
        yield f"PNG of {name} 9", png(**{name: 9})


def broken_segments() -> Iterator[Item]:
    data = encoded("JPEG")
    for name, marker in (("tables", b"\xff\xdb"), ("Huffman codes", b"\xff\xc4")):
        place = data.index(marker)
        (length,) = struct.unpack(">H", data[place + 2 : place + 4])
        yield f"JPEG without {name}", data[:place] + data[place + 2 + length :]
        yield f"JPEG with {name} of length 0", data[: place + 2] + b"\0\0" + data[place + 4 :]
    start = data.index(b"\xff\xc0")
    for components in (0, 2, 5, 255):
        changed = data[: start + 9] + bytes([components]) + data[start + 10 :]
        yield f"JPEG of {components} components", changed
    for bits in (0, 12, 16):
        yield f"JPEG of {bits} bits", data[: start + 4] + bytes([bits]) + data[start + 5 :]
    for kind in (0xC3, 0xC9, 0xCB):  # lossless; arithmetic coding
        yield f"JPEG of kind {kind:#x}", data[: start + 1] + bytes([kind]) + data[start + 2 :]
    yield "JPEG with a segment of 64 kB", jpeg_with(bytes(65_000))
    yield "JPEG of 3,000 comments", data[:2] + b"\xff\xfe\0\x04hi" * 3000 + data[2:]
    for name, tiff in (
        ("loop", b"II*\0\x08\0\0\0\1\0" + bytes(12) + b"\x08\0\0\0"),
        ("offset outside", b"II*\0\xff\xff\xff\xff"),
        ("65,535 entries", b"MM\0*\0\0\0\x08\xff\xff" + bytes(24)),
        ("orientation 999", b"II*\0\x08\0\0\0\1\0\x12\1\3\0\1\0\0\0\xe7\3\0\0\0\0\0\0"),
        ("no byte order", b"XX*\0\x08\0\0\0"),
        ("nothing", b""),
    ):
        yield f"JPEG with EXIF: {name}", jpeg_with(b"Exif\0\0" + tiff)


def unusual() -> Iterator[Item]:
    """Whole images of kinds that are seldom seen."""
    image = picture()
    yield "JPEG, CMYK", encoded("JPEG", image.convert("CMYK"))
    yield "JPEG, grey", encoded("JPEG", image.convert("L"))
    yield "JPEG, progressive", encoded("JPEG", progressive=True)
    yield "JPEG, quality 1", encoded("JPEG", quality=1)
    for mode in ("1", "L", "LA", "P", "RGBA"):
        yield f"PNG, {mode}", encoded("PNG", image.convert(mode))
    yield (
        "PNG, 16 bits of grey",
        encoded("PNG", Image.fromarray(np.arange(600, dtype=np.uint16).reshape(20, 30) * 100)),
    )
    yield "PNG, 16 bits of colour", png(bits=16, rows=(b"\0" + bytes(range(12))) * 2)
    yield "PNG, all transparent", encoded("PNG", Image.new("RGBA", (5, 5)))
    for size in ((1, 1), (1, 300), (300, 1), (2000, 3)):
        for kind in ("JPEG", "PNG"):
            yield f"{kind} of {size[0]} x {size[1]}", encoded(kind, picture(*size))


def images() -> Iterator[Item]:
    """All of them."""
    for part in (
        cut_off, altered, mislabelled, bombs, polyglots, broken_chunks, broken_segments, unusual
    ):  # fmt: skip
        yield from part()
