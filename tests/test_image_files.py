"""Images from outside: found in folders, and read as a viewer shows them, whatever their format."""

import io as streams
import os
import resource
import struct
import zlib

import colour
import numpy as np
import pytest
from PIL import Image, ImageCms

from perceptual_efficacy import image_files, storage

IMAGE = np.arange(5 * 4 * 3, dtype=np.uint8).reshape(5, 4, 3)


@pytest.mark.parametrize("format_", ["PNG", "BMP"])
def test_grey_image_is_read_as_rgb(tmp_path, format_):
    Image.fromarray(IMAGE[..., 0]).save(tmp_path / "a", format=format_)
    np.testing.assert_array_equal(image_files.read(tmp_path / "a"), np.repeat(IMAGE[..., :1], 3, axis=2))


def test_palette_image_is_read_as_rgb(tmp_path):
    Image.fromarray(IMAGE).quantize(20).save(tmp_path / "a.png")
    np.testing.assert_array_equal(image_files.read(tmp_path / "a.png"), IMAGE)


def png(depth, colour_type, pixel, transparent=None):
    """Return a PNG of 8 x 1 equal pixels as its specification lays it out; of less than 8 bits, `pixel` is the row."""

    def chunk(name, content):
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    parts = [chunk(b"IHDR", struct.pack(">IIBBBBB", 8, 1, depth, colour_type, 0, 0, 0))]
    parts += [chunk(b"tRNS", transparent)] if transparent is not None else []
    row = b"\0" + (pixel * 8 if depth >= 8 else pixel)
    return b"\x89PNG\r\n\x1a\n" + b"".join([*parts, chunk(b"IDAT", zlib.compress(row)), chunk(b"IEND", b"")])


def test_black_and_white_image_is_read_as_rgb(tmp_path):
    Image.fromarray(np.eye(4, dtype=bool)).save(tmp_path / "a.png")
    np.testing.assert_array_equal(image_files.read(tmp_path / "a.png"), 255 * np.eye(4)[..., None].repeat(3, axis=2))


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_opaque_alpha_is_dropped(tmp_path, mode):
    Image.fromarray(IMAGE).convert(mode).save(tmp_path / "a.png")
    expected = IMAGE if mode == "RGBA" else np.asarray(Image.fromarray(IMAGE).convert("L"))[..., None].repeat(3, axis=2)
    np.testing.assert_array_equal(image_files.read(tmp_path / "a.png"), expected)


def test_palette_whose_transparent_colour_no_pixel_has_is_read(tmp_path):
    image = Image.fromarray(IMAGE).quantize(20)
    image.save(tmp_path / "a.png", transparency=bytes([255] * 20 + [0]))
    np.testing.assert_array_equal(image_files.read(tmp_path / "a.png"), IMAGE)


@pytest.mark.parametrize(("mode", "format_"), [("L", "PNG"), ("RGB", "PNG"), ("L", "GIF")])
def test_image_whose_transparent_colour_no_pixel_has_is_read(tmp_path, mode, format_):
    image = Image.fromarray(IMAGE).convert(mode)
    image.save(tmp_path / "a", format=format_, transparency=(0, 0, 1) if mode == "RGB" else 255)
    np.testing.assert_array_equal(image_files.read(tmp_path / "a"), np.asarray(image.convert("RGB")))


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_one_pixel_that_is_not_quite_opaque_is_refused(tmp_path, mode):
    image = Image.fromarray(IMAGE).convert(mode)
    image.putpixel((1, 2), (*image.getpixel((1, 2))[:-1], 254))
    image.save(tmp_path / "a.png")
    with pytest.raises(ValueError, match=rf"a\.png: pixels of mode {mode}; .*put transparent pixels on a background"):
        image_files.read(tmp_path / "a.png")


@pytest.mark.parametrize(
    ("colour_type", "pixel", "expected"),
    [
        (0, "12ff", [0x12, 0x12, 0x12]),
        (2, "12ff 0080 ffff", [0x12, 0x00, 0xFF]),
        (6, "12ff 0080 ffff ffff", [0x12, 0x00, 0xFF]),
    ],
    ids=["grey", "RGB", "opaque RGBA"],
)
def test_of_16_bits_the_upper_8_are_read_and_the_folder_is_named_once(tmp_path, caplog, colour_type, pixel, expected):
    for name in ("a.png", "b.png"):
        (tmp_path / name).write_bytes(png(16, colour_type, bytes.fromhex(pixel)))
        np.testing.assert_array_equal(image_files.read(tmp_path / name), [[expected] * 8])
    (told,) = caplog.messages
    assert told.startswith(f"{tmp_path}: images of 16 bits a channel; the upper 8 of them are used")


@pytest.mark.parametrize("suffix", ["tif", "pgm"])
def test_16_bit_grey_of_other_formats_is_read_alike(tmp_path, suffix):
    values = np.array([[0, 255, 256, 0x12FF, 65535]], np.uint16)
    if suffix == "tif":
        Image.fromarray(values).save(tmp_path / "a.tif")
    else:
        (tmp_path / "a.pgm").write_bytes(b"P5\n5 1\n65535\n" + values.astype(">u2").tobytes())
    np.testing.assert_array_equal(image_files.read(tmp_path / f"a.{suffix}")[0, :, 1], [0, 0, 1, 0x12, 255])


@pytest.mark.parametrize(
    ("depth", "colour_type", "pixel", "transparent"),
    [(16, 2, b"\1\2\3\4\5\6", b"\1\2\3\4\5\6"), (2, 0, b"\x55\x55", b"\0\1"), (4, 0, b"\x11" * 4, b"\0\1")],
    ids=["16-bit RGB", "2-bit grey", "4-bit grey"],
)
def test_transparent_colour_that_is_not_of_8_bits_is_refused(tmp_path, depth, colour_type, pixel, transparent):
    """Every pixel has the transparent colour; Pillow scales the pixels to 8 bits, not the colour, and finds none."""
    (tmp_path / "a.png").write_bytes(png(depth, colour_type, pixel, transparent))
    with pytest.raises(ValueError, match=r"a\.png: pixels of mode (RGB|L) with transparency"):
        image_files.read(tmp_path / "a.png")


@pytest.mark.parametrize("mode", ["RGBA", "LA", "I", "F", "CMYK", "LAB"])
def test_other_pixels_are_refused(tmp_path, mode):
    Image.new(mode, (4, 4)).save(tmp_path / "a.tif")
    with pytest.raises(ValueError, match=rf"a\.tif: pixels of mode {mode}; expected RGB or grey .* Convert it: "):
        image_files.read(tmp_path / "a.tif")


@pytest.mark.parametrize("mode", ["P", "L", "RGB", "1"])
def test_transparent_colour_is_refused(tmp_path, mode):
    Image.new(mode, (4, 4)).save(tmp_path / "a.png", transparency=(0, 0, 0) if mode == "RGB" else 0)
    with pytest.raises(ValueError, match=rf"a\.png: pixels of mode {mode} with transparency; expected RGB"):
        image_files.read(tmp_path / "a.png")


@pytest.mark.parametrize("content", [b"", b"no image"])
def test_unreadable_image_is_named(tmp_path, content):
    (tmp_path / "a.png").write_bytes(content)
    with pytest.raises(ValueError, match=r"a\.png: cannot be read as an image .* Replace the file"):
        image_files.read(tmp_path / "a.png")


def claiming(width, height, format_):
    """Return an image file of one pixel whose header says that it has so many."""
    content = streams.BytesIO()
    Image.new("RGB", (1, 1)).save(content, format=format_)
    content = bytearray(content.getvalue())
    if format_ == "PNG":
        content[16:24] = struct.pack(">II", width, height)
        content[29:33] = struct.pack(">I", zlib.crc32(content[12:29]))
    else:
        content[18:26] = struct.pack("<ii", width, height)
    return bytes(content)


@pytest.mark.filterwarnings("ignore")  # where nobody makes warnings errors
@pytest.mark.parametrize("format_", ["PNG", "BMP"])
@pytest.mark.parametrize("side", [9_500, 13_300, 100_000], ids=["warned", "hardly warned", "error"])
def test_image_that_says_it_is_enormous_is_refused_before_memory_is_taken(tmp_path, side, format_):
    """Pillow warns of more than 89 478 485 pixels and only refuses twice as many."""
    (tmp_path / "a.png").write_bytes(claiming(side, side, format_))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(
        ValueError, match=rf"a\.png: cannot be read as an image \(Image size \({side**2} pixels\) exceeds"
    ):
        image_files.read(tmp_path / "a.png")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100e3  # kilobytes


@pytest.mark.parametrize("name", ["a\nb.png", "a\x1b[2J.png", "a\u2028b.png", os.fsdecode(b"a\xff.png"), "a\nb/c.png"])
def test_image_whose_name_cannot_be_written_is_refused(tmp_path, name):
    (tmp_path / name).parent.mkdir(exist_ok=True)
    image_files.write(IMAGE, tmp_path / "good.png")
    (tmp_path / "good.png").rename(tmp_path / name)
    with pytest.raises(ValueError, match=r"a name with control characters .* Rename it") as error:
        image_files.read(tmp_path / name)
    assert str(error.value).isprintable()


@pytest.mark.parametrize(
    "name", ["größe 図 🖼.png", "<img src=x onerror=alert(1)>.png", r"$\frac{.png", "a_b & c | d.png"]
)
def test_image_with_an_odd_name_is_read(tmp_path, name):
    image_files.write(IMAGE, tmp_path / name)
    np.testing.assert_array_equal(image_files.read(tmp_path / name), IMAGE)


def test_truncated_image_is_named(tmp_path):
    image_files.write(np.random.default_rng(0).integers(256, size=(64, 64, 3), dtype=np.uint8), tmp_path / "a.png")
    os.truncate(tmp_path / "a.png", 5000)
    with pytest.raises(ValueError, match=r"a\.png: cannot be read as an image"):
        image_files.read(tmp_path / "a.png")


def test_flipped_bit_of_a_png_is_refused_or_leaves_the_pixels_alone(tmp_path):
    image = np.random.default_rng(0).integers(0, 256, (16, 16, 3), np.uint8)
    image_files.write(image, tmp_path / "a.png")
    content = (tmp_path / "a.png").read_bytes()
    for position in range(len(content)):
        flipped = content[:position] + bytes([content[position] ^ 8]) + content[position + 1 :]
        (tmp_path / "a.png").write_bytes(flipped)
        try:
            found = image_files.read(tmp_path / "a.png")
        except ValueError:
            continue
        np.testing.assert_array_equal(found, image, err_msg=f"byte {position}")


def test_image_with_another_hash_is_refused(tmp_path):
    image_files.write(IMAGE, tmp_path / "a.png")
    with pytest.raises(storage.DamagedFileError, match=r"a\.png: its SHA-256 is .*…, expected 000000000000…"):
        image_files.read(tmp_path / "a.png", sha256="0" * 64)


# As a viewer shows them
# what the numbers of EXIF's tag Orientation ask of a viewer (CIPA DC-008, 4.6.5): which way row 0 and column 0 lie
TURNED = {
    1: lambda stored: stored,
    2: lambda stored: stored[:, ::-1],  # row 0 above, column 0 on the right
    3: lambda stored: stored[::-1, ::-1],  # below, right
    4: lambda stored: stored[::-1],  # below, left
    5: lambda stored: stored.swapaxes(0, 1),  # left, above
    6: lambda stored: stored.swapaxes(0, 1)[:, ::-1],  # right, above
    7: lambda stored: stored.swapaxes(0, 1)[::-1, ::-1],  # right, below
    8: lambda stored: stored.swapaxes(0, 1)[::-1],  # left, below
}


LOSSLESS = {"WEBP": {"lossless": True}}


@pytest.mark.parametrize("format_", ["PNG", "TIFF", "WEBP"])
@pytest.mark.parametrize("orientation", TURNED)
def test_image_is_turned_upright(tmp_path, orientation, format_):
    exif = Image.Exif()
    exif[0x112] = orientation
    Image.fromarray(IMAGE).save(
        tmp_path / "a", format=format_, exif=exif, **({"lossless": True} if format_ == "WEBP" else {})
    )
    np.testing.assert_array_equal(image_files.read(tmp_path / "a"), TURNED[orientation](IMAGE))


@pytest.mark.parametrize("mode", ["L", "P"])
def test_grey_and_palette_images_are_turned_upright(tmp_path, mode):
    exif = Image.Exif()
    exif[0x112] = 6
    stored = Image.fromarray(IMAGE).convert(mode)
    stored.save(tmp_path / "a.png", exif=exif)
    np.testing.assert_array_equal(image_files.read(tmp_path / "a.png"), TURNED[6](np.asarray(stored.convert("RGB"))))


def profile(**primaries):
    """Return a colour profile as ICC.1 lays it out: matrix of the primaries, and a gamma."""

    def fixed(*values):
        return b"".join(struct.pack(">i", round(value * 65536)) for value in values)

    tags = {
        b"wtpt": b"XYZ \0\0\0\0" + fixed(0.9642, 1.0, 0.8249),  # the illuminant of profiles, D50
        **{name.encode(): b"XYZ \0\0\0\0" + fixed(*primaries[name]) for name in ("rXYZ", "gXYZ", "bXYZ")},
        **dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), b"curv\0\0\0\0" + struct.pack(">IHxx", 1, round(2.2 * 256))),
        b"desc": b"desc\0\0\0\0" + struct.pack(">I", 2) + b"a\0" + bytes(78),
        b"cprt": b"text\0\0\0\0a\0\0\0",
    }
    start, index, content = 128 + 4 + 12 * len(tags), b"", b""
    for name, value in tags.items():
        value += bytes(-len(value) % 4)
        index += name + struct.pack(">II", start + len(content), len(value))
        content += value
    size = start + len(content)
    head = struct.pack(">I4xI4s4s4s", size, 0x02100000, b"mntr", b"RGB ", b"XYZ ") + bytes(12) + b"acsp"
    head = head.ljust(68, b"\0") + fixed(0.9642, 1.0, 0.8249)
    return head.ljust(128, b"\0") + struct.pack(">I", len(tags)) + index + content


# of Adobe RGB (1998), adapted to D50: its specification, version 2005-05, table 4.3.6.1
ADOBE = {"rXYZ": (0.60974, 0.31111, 0.01947), "gXYZ": (0.20528, 0.62567, 0.06087), "bXYZ": (0.14919, 0.06322, 0.74457)}


def test_image_with_a_colour_profile_is_converted_to_srgb(tmp_path):
    """Against colour-science, which knows Adobe RGB and sRGB by their own specifications."""
    image = np.random.default_rng(0).integers(60, 200, (5, 4, 3), dtype=np.uint8)
    Image.fromarray(image).save(tmp_path / "a.png", icc_profile=profile(**ADOBE))
    linear = colour.RGB_to_RGB((image / 255) ** 2.19921875, "Adobe RGB (1998)", "sRGB")
    expected = 255 * colour.cctf_encoding(linear.clip(0, 1), "sRGB")
    np.testing.assert_allclose(image_files.read(tmp_path / "a.png"), expected, atol=1.5)
    assert np.abs(image - expected).max() > 10


@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_srgb_profile_changes_nothing(tmp_path, mode):
    stored = Image.fromarray(IMAGE).convert(mode)
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    stored.convert("RGB").save(tmp_path / "a.png", icc_profile=srgb)
    np.testing.assert_array_equal(image_files.read(tmp_path / "a.png"), np.asarray(stored.convert("RGB")))


@pytest.mark.parametrize("content", [b"no profile", profile(**ADOBE)[:300]])
def test_profile_that_cannot_be_used_is_told(tmp_path, content):
    Image.fromarray(IMAGE).save(tmp_path / "a.png", icc_profile=content)
    with pytest.raises(ValueError, match=r"a\.png: cannot be read as an image \(its colour profile cannot be used"):
        image_files.read(tmp_path / "a.png")


@pytest.mark.parametrize("suffix", ["png", "bmp", "jpg", "tif", "webp", "avif", "ppm"])
def test_formats_that_people_have_are_read(tmp_path, suffix):
    grey = np.full((16, 16, 3), 99, np.uint8)
    Image.fromarray(grey).save(tmp_path / f"a.{suffix}")
    np.testing.assert_allclose(image_files.read(tmp_path / f"a.{suffix}"), grey, atol=1)


# In folders
def test_images_are_found_in_subfolders_and_others_are_named(tmp_path):
    names = ["b.JPG", "a/z.png", "a/.hidden.png", ".git/a.png", "._b.JPG", "readme.txt", "a/b.gif", "Thumbs.db"]
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    (tmp_path / "a" / "round").symlink_to(tmp_path)
    images, others = image_files.find(tmp_path)
    assert [path.relative_to(tmp_path).as_posix() for path in images] == ["a/z.png", "b.JPG"]
    assert [path.relative_to(tmp_path).as_posix() for path in others] == ["a/b.gif", "readme.txt"]


def test_name_that_differs_in_case_is_found(tmp_path):
    (tmp_path / "I01.PNG").write_bytes(b"")
    assert image_files.other_case(tmp_path / "i01.png") == tmp_path / "I01.PNG"
    assert image_files.other_case(tmp_path / "i02.png") is None
    assert image_files.other_case(tmp_path / "none" / "i01.png") is None
