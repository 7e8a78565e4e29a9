"""Collectives read from a program's text; tests/test_plan.py reads those of compiled ones."""

import numpy as np
import pytest

from t5lite.planning.collectives import Collective, find

MESH = {"data": 2, "fsdp": 2, "tensor": 2}


def program(*lines: str, others: str = "") -> str:
    body = "\n".join(f"  {line}" for line in lines)
    return f"HloModule jit_step\n{others}\nENTRY %main (p: f32[8]) -> f32[8] {{\n{body}\n}}\n"


def gather(groups: str, *, channel: int = 1) -> str:
    return (
        f"%all-gather.{channel} = bf16[4,8]{{1,0:T(8,128)(2,1)}} all-gather(%p), "
        f"channel_id={channel}, {groups}, dimensions={{0}}, use_global_device_ids=true"
    )


@pytest.mark.parametrize(
    ("groups", "axes", "size"),
    [
        ("replica_groups={{0,1},{2,3},{4,5},{6,7}}", ("tensor",), 2),
        ("replica_groups={{0,2},{4,6},{1,3},{5,7}}", ("fsdp",), 2),
        ("replica_groups=[4,2]<=[8]", ("tensor",), 2),
        ("replica_groups=[4,2]<=[4,2]T(1,0)", ("fsdp",), 2),
        ("replica_groups=[4,2]<=[2,4]T(1,0)", ("data",), 2),
        ("replica_groups=[2,4]<=[4,2]T(1,0)", ("data", "fsdp"), 4),
        ("replica_groups={}", ("data", "fsdp", "tensor"), 8),
        ("source_target_pairs={{0,0},{1,3},{3,1},{2,2}}", ("fsdp",), 2),
        (
            "replica_groups=mesh['axis_0'=2,'axis_1'=4], device_ids=([2,2,2]T(1,0,2)) {'axis_0'}",
            ("fsdp",),
            2,
        ),
        ("replica_groups=mesh['axis_0'=4,'axis_1'=1,'axis_2'=2] {'axis_2'}", ("tensor",), 2),
        (
            "replica_groups=mesh['a'=1,'b'=2,'c'=2,'d'=2], device_ids=([2,4]T(1,0)) {'b','c'}",
            ("fsdp", "tensor"),
            4,
        ),
    ],
)
def test_groups_of_devices_are_axes_of_the_mesh(groups, axes, size):
    (found,) = find(program(gather(groups)), MESH)
    assert (found.axes, found.group_size, found.num_bytes, found.times) == (axes, size, 64, 1)


LOOPS = """
%cond (c: (s32[], f32[8])) -> pred[] {
  %limit.3 = s32[]{:T(128)} constant(5)
  %other = s32[] constant(9)
  %i = s32[] get-tuple-element(%c), index=1
  ROOT %lt = pred[]{:T(512)} compare(%i, %limit.3), direction=LT
}

%inner (i: (s32[], f32[8])) -> (s32[], f32[8]) {
  %f = f32[8] fusion(%x), kind=kCustom, calls=%start
  %g = f32[8] fusion(%f), kind=kCustom, calls=%done
  %i = s32[] get-tuple-element(%x), index=1
  %one = s32[] constant(STEP)
  %copy = s32[] copy(%i)
  %next = s32[] add(%copy, %one)
  ROOT %tuple = (f32[8], s32[]) tuple(%g, /*index=1*/%next)
}

%start (s: f32[8]) -> f32[8] {
  ROOT %all-reduce.7 = f32[8]{0} all-reduce(%s), channel_id=7, replica_groups=[4,2]<=[8]
}

%done (s: f32[8]) -> f32[8] {
  ROOT %all-reduce.8 = f32[8]{0} all-reduce(%s), channel_id=7, replica_groups=[4,2]<=[8]
}

%outer (o: (s32[], f32[8])) -> (s32[], f32[8]) {
  %w = (s32[], f32[8]) while(%o), condition=%cond, body=%inner
}
"""


@pytest.mark.parametrize(("step", "times"), [(1, 15), (2, 9)])
def test_what_is_in_loops_counts_as_often_as_they_turn_and_its_parts_once(step, times):
    loop = (
        "%w = (s32[], f32[8]) while(%t), condition=%cond, body=%outer, "
        'backend_config={"known_trip_count":{"n":"3"}}'
    )
    (found,) = find(program(loop, others=LOOPS.replace("STEP", str(step))), MESH)
    assert (found.kind, found.num_bytes, found.times) == ("all-reduce", 32, times)


@pytest.mark.parametrize(
    ("line", "num_bytes", "sent"),
    [
        ("(f32[4], f32[8]) all-gather-start(%p), replica_groups=[4,2]<=[8]", 32, 16),
        ("f32[4] reduce-scatter(%p), replica_groups=[4,2]<=[8]", 32, 16),
        ("(f32[8], bf16[4]) all-reduce-start(%p), replica_groups=[2,4]<=[8]", 40, 60),
        ("f32[8] all-to-all(%p), replica_groups=[1,8]<=[8]", 32, 28),
        ("pred[8] collective-permute(%p), source_target_pairs={{0,1},{1,0}}", 8, 8),
    ],
)
def test_bytes(line, num_bytes, sent):
    (found,) = find(program(f"%x = {line}, channel_id=1"), MESH)
    assert (found.num_bytes, found.bytes_sent) == (num_bytes, sent)


SCATTERED = """
%all-reduce-scatter.3.clone (s: f32[8]) -> f32[4] {
  %all-reduce.7 = f32[8]{0} all-reduce(%s), channel_id=7, replica_groups=[4,2]<=[8]
}
"""


def test_what_is_added_up_and_parted_in_one_fusion_is_a_reduce_scatter():
    fusion = "%f = f32[4] fusion(%p), kind=kCustom, calls=%all-reduce-scatter.3.clone"
    (found,) = find(program(fusion, others=SCATTERED), MESH)
    assert (found.kind, found.num_bytes, found.bytes_sent) == ("reduce-scatter", 32, 16)


def test_slices_exchange_by_their_hosts_and_number_their_own_devices():
    inside = "%x = f32[4] all-gather(%p), channel_id=4, replica_groups={{0,2},{1,3}}"
    between = (
        "%send = (f32[8,2]{1,0:T(8,128)}, u32[], token[]) send(%x, %t), channel_id=4, "
        'is_host_transfer=true, frontend_attributes={_xla_megascale_transfer_type="ALL_REDUCE"}'
    )
    slices = np.repeat([0, 1], 4).reshape(2, 2, 2)
    sent, gathered = find(program(inside, between), MESH, slices=slices)
    assert (sent.kind, sent.axes, sent.between_slices) == ("all-reduce", ("data",), True)
    assert (sent.num_bytes, sent.group_size, sent.bytes_between_slices) == (64, 2, 64)
    assert (gathered.axes, gathered.bytes_between_slices) == (("fsdp",), 0)


def test_a_group_of_one_exchanges_nothing():
    assert find(program(gather("replica_groups=[8,1]<=[8]")), MESH) == []


def test_unknown_groups_are_an_error():
    with pytest.raises(ValueError, match="replica groups in a form that t5lite does not read"):
        find(program(gather("replica_groups=<a new form>")), MESH)


def test_the_most_sent_comes_first():
    small = gather("replica_groups=[4,2]<=[8]")
    large = "%y = f32[64] all-reduce(%p), channel_id=2, replica_groups=[4,2]<=[8], to_apply=%add"
    found = find(program(small, large), MESH)
    assert found[0] == Collective(
        kind="all-reduce", axes=("tensor",), group_size=2, num_bytes=256, times=1
    )
