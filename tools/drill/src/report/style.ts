/** Light and dark by what the reader's system prefers. */
export const style = `
:root {
  color-scheme: light dark;
  --paper: #f6f5f2; --card: #ffffff; --ink: #1d2026; --soft: #667080; --line: #e2e0da; --grid: #ecebe6;
  --good: #17804b; --good-soft: #dff3e7; --bad: #c2291f; --bad-soft: #fbe3e0; --warn: #9a6200; --warn-soft: #fcefd4;
  --acks: #4f7cac; --delivered: #8a5a9e; --gap: #f2b5a8; --accent: #2b4c7e;
  --node-0: #3f6fb5; --node-1: #d9822b; --node-2: #3a9d78; --node-3: #a452a0; --node-4: #b3a12f; --node-5: #5c6f7b;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #14161a; --card: #1c1f25; --ink: #e7e6e3; --soft: #98a0ad; --line: #2f343d; --grid: #262a32;
    --good: #5fd08f; --good-soft: #173324; --bad: #ff8475; --bad-soft: #3d1d1a; --warn: #eab659; --warn-soft: #3a2d14;
    --acks: #6f9bd1; --delivered: #c79ad9; --gap: #6e352c; --accent: #9dbcec;
    --node-0: #6b9bea; --node-1: #eb9d51; --node-2: #57c39c; --node-3: #c983c6; --node-4: #cfc058; --node-5: #8da0ad;
  }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
main { max-width: 1100px; margin: 0 auto; padding: 40px 24px 80px; }
h1 { font-size: 30px; letter-spacing: -0.02em; margin: 0 0 4px; }
h2 { font-size: 20px; letter-spacing: -0.01em; margin: 0; }
p { margin: 4px 0; }
a { color: var(--accent); text-decoration: none; }
a:hover { text-decoration: underline; }
.soft, .facts { color: var(--soft); }
.facts { font-size: 13px; }
.head { display: flex; gap: 24px; align-items: flex-start; justify-content: space-between; flex-wrap: wrap; margin-bottom: 24px; }
.verdict { font-size: 17px; font-weight: 650; padding: 8px 18px; border-radius: 999px; white-space: nowrap; }
.chip { display: inline-block; font-size: 12.5px; font-weight: 600; padding: 1px 10px; border-radius: 999px; white-space: nowrap; }
.good { background: var(--good-soft); color: var(--good); }
.bad { background: var(--bad-soft); color: var(--bad); }
.warn { background: var(--warn-soft); color: var(--warn); }
.muted { background: var(--grid); color: var(--soft); }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(128px, 1fr)); gap: 10px; margin: 0 0 28px; }
.tile { background: var(--card); border: 1px solid var(--line); border-radius: 12px; padding: 12px 14px; }
.tile b { display: block; font-size: 22px; letter-spacing: -0.02em; font-variant-numeric: tabular-nums; }
.tile span { font-size: 12.5px; color: var(--soft); }
.tile.wrong b { color: var(--bad); }
.card { background: var(--card); border: 1px solid var(--line); border-radius: 14px; padding: 20px 22px; margin: 0 0 20px; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th { text-align: left; font-size: 12.5px; font-weight: 500; color: var(--soft); padding: 0 12px 4px 0; vertical-align: bottom; }
td { padding: 5px 12px 5px 0; border-top: 1px solid var(--grid); white-space: nowrap; }
td.number, th.number { text-align: right; }
td.wide { white-space: normal; color: var(--soft); font-size: 13px; }
.card header { display: flex; gap: 12px; align-items: center; flex-wrap: wrap; margin-bottom: 4px; }
.figures { display: flex; gap: 26px; margin: 12px 0 8px; flex-wrap: wrap; font-variant-numeric: tabular-nums; }
.figures div b { font-size: 18px; font-weight: 620; }
.figures div .name { display: block; font-size: 12px; color: var(--soft); }
.figures .miss b { color: var(--warn); }
.legend { display: flex; gap: 16px; flex-wrap: wrap; font-size: 12.5px; color: var(--soft); margin: 8px 0 2px; align-items: center; }
.legend i { display: inline-block; width: 18px; height: 8px; border-radius: 2px; margin-right: 6px; vertical-align: 1px; }
svg { display: block; max-width: 100%; height: auto; }
svg text { fill: var(--soft); font-size: 11px; font-family: inherit; }
svg .run { fill: var(--ink); font-size: 12px; font-weight: 600; }
svg .run.bad { fill: var(--bad); }
svg .small { font-size: 11px; }
.grid { stroke: var(--grid); } .zero { stroke: var(--line); }
.dot { fill: var(--acks); fill-opacity: .75; } .dot.bad { fill: var(--bad); }
.target { stroke: var(--warn); stroke-width: 1.5; stroke-dasharray: 4 3; } svg .target-label { fill: var(--warn); } svg .strong { fill: var(--ink); font-weight: 600; }
.axis-line { stroke: var(--line); }
.p50 { stroke: var(--ink); stroke-width: 2; } .p99 { stroke: var(--ink); stroke-width: 1; stroke-dasharray: 2 2; }
.beyond { fill: var(--warn-soft); }
.acks { fill: var(--acks); }
.delivered { fill: none; stroke: var(--delivered); stroke-width: 1; }
.gap { fill: var(--gap); }
.failure { fill: var(--bad); }
.mark { stroke-width: 1.5; stroke: var(--soft); } .mark.fault { stroke: var(--bad); } .mark.heal { stroke: var(--good); }
${[0, 1, 2, 3, 4, 5].map((n) => `.node-${n} { fill: var(--node-${n}); background: var(--node-${n}); }`).join('\n')}
details { margin-top: 10px; }
summary { cursor: pointer; color: var(--soft); font-size: 13.5px; }
ul { margin: 6px 0; padding-left: 20px; }
.problems { border-left: 3px solid var(--bad); padding-left: 12px; margin: 10px 0; overflow-wrap: anywhere; }
footer { color: var(--soft); font-size: 13px; margin-top: 32px; }
`;
