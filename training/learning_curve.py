"""What more data would give: `python learning_curve.py DATA --out run-curve`.

Trains one small network for each share of the training chains (whole clusters, each share part of
the next larger one), all with the same number of steps, and keeps of each run the validation with
the lowest loss of secondary structure, so that over-fitting on a small share does not count
against it. Writes `curve.tsv`, `curve.svg` and `curve.md`. Only validation chains are looked at.
"""

from __future__ import annotations

import argparse
import json
import math
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
SCORES = ("ss_loss", "q3", "q8", "rsa_r", "dis_auc", "tm_mcc")
SHARES = "0.125,0.25,0.5,1"


def train(args: argparse.Namespace, share: str, out: Path) -> None:
    command = [sys.executable, HERE / "train.py", args.folder, "--config", args.config, "--out", out, "--share", share]
    command += ["--validate-every", str(args.validate_every), "--set", *args.set]
    subprocess.run([str(part) for part in command], check=True)


def summary(log: Path) -> dict:
    """Size of the run and its best validation."""
    events = [json.loads(line) for line in log.read_text().splitlines()]
    share = next(e["share"] for e in events if e["event"] == "data")
    best = min((e for e in events if e["event"] == "validation"), key=lambda e: e["ss_loss"])
    return {"share": share["of"], "chains": share["chains"], "residues": share["residues"], "step": best["step"]} | {
        name: best[name] for name in SCORES
    }


def slope(rows: list[dict], name: str) -> float:
    """Gain of a score a doubling of the data, by least squares over log2 of the residues."""
    x, y = [math.log2(r["residues"]) for r in rows], [r[name] for r in rows]
    middle_x, middle_y = sum(x) / len(x), sum(y) / len(y)
    return sum((a - middle_x) * (b - middle_y) for a, b in zip(x, y)) / sum((a - middle_x) ** 2 for a in x)


def drawing(rows: list[dict], name: str = "q3") -> str:
    """The curve of one score over the residues (logarithmic), as SVG."""
    width, height, left, bottom, top = 560, 320, 60, 50, 30
    low_x, high_x = math.log2(rows[0]["residues"]), math.log2(rows[-1]["residues"])
    values = [r[name] for r in rows]
    low_y, high_y = math.floor(min(values) * 100) / 100, math.ceil(max(values) * 100) / 100
    place_x = lambda v: left + (math.log2(v) - low_x) / (high_x - low_x) * (width - left - 40)  # noqa: E731
    place_y = lambda v: height - bottom - (v - low_y) / (high_y - low_y) * (height - bottom - top)  # noqa: E731
    points = [(place_x(r["residues"]), place_y(r[name])) for r in rows]
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="12">']
    parts.append('<rect width="100%" height="100%" fill="white"/>')
    for i in range(round((high_y - low_y) * 100) + 1):
        y = place_y(low_y + i / 100)
        parts.append(f'<line x1="{left}" x2="{width - 20}" y1="{y:.1f}" y2="{y:.1f}" stroke="#ddd"/>')
        parts.append(f'<text x="{left - 8}" y="{y + 4:.1f}" text-anchor="end">{low_y + i / 100:.2f}</text>')
    for (x, y), row in zip(points, rows):
        parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="#1b6ca8"/>')
        parts.append(f'<text x="{x:.1f}" y="{y - 10:.1f}" text-anchor="middle">{row[name]:.3f}</text>')
        parts.append(f'<text x="{x:.1f}" y="{height - bottom + 18}" text-anchor="middle">{row["residues"] / 1e6:.2f}</text>')
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    parts.append(f'<polyline points="{line}" fill="none" stroke="#1b6ca8" stroke-width="2"/>')
    parts.append(f'<text x="{width / 2}" y="{height - 12}" text-anchor="middle">million residues to train on (logarithmic)</text>')
    parts.append(f'<text x="{left}" y="18">{name} on validation chains</text></svg>')
    return "\n".join(parts) + "\n"


def write(rows: list[dict], out: Path) -> None:
    names = list(rows[0])
    lines = ["\t".join(names)] + ["\t".join(str(r[n]) for n in names) for r in rows]
    (out / "curve.tsv").write_text("\n".join(lines) + "\n")
    (out / "curve.svg").write_text(drawing(rows))
    text = ["| " + " | ".join(names) + " |", "|---" * len(names) + "|"]
    text += ["| " + " | ".join(str(r[n]) for n in names) + " |" for r in rows]
    text += ["", "A doubling of the data gives: " + ", ".join(f"{n} {slope(rows, n):+.4f}" for n in SCORES) + "."]
    (out / "curve.md").write_text("\n".join(text) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--config", type=Path, default=HERE / "config/conv-small.json")
    parser.add_argument("--out", type=Path, default=Path("run-curve"))
    parser.add_argument("--shares", default=SHARES, help="comma-separated")
    parser.add_argument("--validate-every", type=int, default=200)
    parser.add_argument("--set", nargs="*", default=[], metavar="NAME=JSON", help="changes to the configuration")
    args = parser.parse_args()
    rows = []
    for share in args.shares.split(","):
        run = args.out / f"share-{share}"
        if not (run / "schedule.json").exists():  # a finished run is not repeated
            train(args, share, run)
        rows.append(summary(run / "train.log"))
        if len(rows) > 1:
            write(sorted(rows, key=lambda r: r["residues"]), args.out)


if __name__ == "__main__":
    main()
