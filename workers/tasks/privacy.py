"""Gathers, or erases, what is stored of a shopper."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from shop.jobs import EraseShopper, ExportShopper
    from workers.context import WorkerContext


async def export_shopper(context: WorkerContext, job: ExportShopper) -> str:
    """Returns how much it was."""
    result = await context.resources.user_exports.write(job.export_id, context.advance)
    await context.advance(result, 1.0)
    return result


async def erase_shopper(context: WorkerContext, job: EraseShopper) -> str:
    """Returns what the receipt says in short."""
    receipt = await context.resources.erasures.run(job.erasure_id, context.advance)
    result = f"{receipt.total:,} erased or made nameless, in {receipt.passes} passes"
    await context.advance(result, 1.0)
    return result
