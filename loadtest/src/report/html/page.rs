//! The page around a report: its head and its style.

use crate::report::svg::escape;

/// A whole document.
pub(in crate::report) fn page(title: &str, body: &str) -> String {
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main>\n{body}</main>\n\
         </body>\n</html>\n",
        escape(title)
    )
}

/// Colours hold their contrast in light and dark, and differ for colour-blind readers.
pub(in crate::report) const STYLE: &str = "
:root{color-scheme:light dark;--bg:#fbfbfa;--fg:#1d2126;--soft:#626b76;--edge:#dfe2e6;--card:#fff;
--c0:#0b62c4;--c1:#c45a00;--c2:#11835c;--c3:#b3261e;--c4:#7b8794;--c5:#8a3ffc;
--good:#11734f;--bad:#b3261e;--calm:#4d5a68;--shade0:#8892a014;--shade1:#8892a02b;--shadebad:#b3261e2e}
@media(prefers-color-scheme:dark){:root{--bg:#14171a;--fg:#e6e9ec;--soft:#9aa5b1;--edge:#2c3238;
--card:#1b1f23;--c0:#6cb2ff;--c1:#ffab5e;--c2:#56d3a2;--c3:#ff8a80;--c4:#95a1ad;--c5:#c4a1ff;
--good:#2f9e74;--bad:#d3564d;--calm:#6a7785;--shade0:#8892a01c;--shade1:#8892a038;--shadebad:#ff8a8040}}
*{box-sizing:border-box}
body{margin:0;background:var(--bg);color:var(--fg);font:15px/1.5 system-ui,sans-serif}
main{max-width:1240px;margin:0 auto;padding:20px 16px 48px}
h1{font-size:1.5rem;margin:.2em 0}h2{font-size:1.1rem;margin:0 0 .5em}
header p{margin:.25em 0;color:var(--soft);overflow-wrap:anywhere}
header .fault{color:var(--bad);font-weight:600}
.badge{display:inline-block;padding:.05em .6em;border-radius:1em;color:#fff;font-size:.8em;
font-weight:600;vertical-align:middle;white-space:nowrap}
.good{background:var(--good)}.bad{background:var(--bad)}.calm{background:var(--calm)}
.cards{display:grid;grid-template-columns:repeat(auto-fit,minmax(140px,1fr));gap:10px;margin:16px 0}
.cards div,figure,section{background:var(--card);border:1px solid var(--edge);border-radius:10px}
.cards div{padding:10px 14px;display:flex;flex-direction:column}
.cards b{font-size:1.4rem;line-height:1.2;order:1;white-space:nowrap}
.cards span{color:var(--soft);font-size:.85rem}
.cards small{order:2;color:var(--soft)}
.plots{margin-top:14px;display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,520px),1fr));gap:14px}
figure{margin:0;padding:12px 12px 6px;min-width:0}
.plots figure:only-child{max-width:860px}
figcaption{font-weight:600;font-size:.95rem}
.key{list-style:none;display:flex;flex-wrap:wrap;gap:4px 14px;margin:4px 0;padding:0;
font-size:.82rem;color:var(--soft)}
.key i{display:inline-block;width:14px;height:3px;margin-right:5px;vertical-align:middle;
background:var(--k)}
.c0{--k:var(--c0)}.c1{--k:var(--c1)}.c2{--k:var(--c2)}.c3{--k:var(--c3)}.c4{--k:var(--c4)}
.c5{--k:var(--c5)}
svg{display:block;width:100%;height:auto}
svg text{fill:var(--soft);font:11.5px system-ui,sans-serif}
.line{fill:none;stroke:var(--k);stroke-width:1.8;stroke-linejoin:round}
circle{fill:var(--k)}
.axis{fill:none;stroke:var(--soft);stroke-width:1}
.grid{stroke:var(--edge);stroke-width:1}
.level{stroke:var(--bad);stroke-width:1.2;stroke-dasharray:6 4}
svg .levelname{text-anchor:end;fill:var(--bad)}
.xtick,.label,.shadename{text-anchor:middle}.ytick{text-anchor:end}
.shade0{fill:var(--shade0)}.shade1{fill:var(--shade1)}.shadebad{fill:var(--shadebad)}
section{padding:14px 16px;margin-top:14px}
section p{margin:.2em 0 .8em;color:var(--soft);overflow-wrap:anywhere}
.scroll{overflow-x:auto}
table{border-collapse:collapse;font-variant-numeric:tabular-nums}
th,td{padding:4px 12px 4px 0;text-align:right;white-space:nowrap;border-bottom:1px solid var(--edge)}
th{font-weight:500;color:var(--soft)}td:first-child,th:first-child,.left td{text-align:left}
.left td{white-space:normal;overflow-wrap:anywhere}
tr:last-child>*{border-bottom:0}
@media(max-width:520px){svg text{font-size:18px}svg .ylabel,svg .shadename{display:none}main{padding:12px 10px 32px}h1{font-size:1.25rem}
.cards{grid-template-columns:repeat(2,1fr)}.cards b{font-size:1.2rem}}
@media print{body{background:#fff}figure,section{break-inside:avoid}}
";
