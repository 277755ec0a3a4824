"""Values go to a node in its own type, whatever its DataType leaves open; what that cannot hold is refused here."""

from __future__ import annotations

from asyncua import ua

from plant import quality

KINDS, TYPES = ua.VariantType, ua.ObjectIds


async def test_a_type_that_is_left_open_is_that_of_the_present_value(vendor) -> None:
    some = [
        await vendor.add("Any", 1.0, KINDS.Float, TYPES.BaseDataType),
        await vendor.add("Number", 1, KINDS.UInt16, TYPES.Number),
    ]
    async with vendor.link() as link:
        kinds = {info.name: info.data_type for info in await link.variables()}
        assert kinds == {"Tank.Any": KINDS.Float.value, "Tank.Number": KINDS.UInt16.value}
        written = await link.write({"Tank.Any": 2.5, "Tank.Number": 3.0})
    assert written == {"Tank.Any": quality.GOOD, "Tank.Number": quality.GOOD}
    values = [(await node.read_data_value()).Value for node in some]
    assert values == [ua.Variant(2.5, KINDS.Float), ua.Variant(3, KINDS.UInt16)]


async def test_a_type_that_cannot_be_written_is_no_end_of_the_link(vendor) -> None:
    for number, (present, kind) in enumerate(
        [
            (ua.LocalizedText("off"), KINDS.LocalizedText),
            (b"off", KINDS.ByteString),
            (ua.Range(0, 1), KINDS.ExtensionObject),
        ]
    ):
        await vendor.add(f"Any{number}", present, kind, TYPES.BaseDataType)
        await vendor.add(f"Own{number}", present, kind)
    async with vendor.link() as link:
        assert await link.write(dict.fromkeys(vendor.nodes, 2.5)) == dict.fromkeys(
            vendor.nodes, quality.BAD_TYPE_MISMATCH
        )
