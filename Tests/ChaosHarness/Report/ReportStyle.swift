/// How the page looks, in the light and in the dark.
enum ReportStyle {
    static let css = """
        :root{color-scheme:light dark;--page:#fbfaf8;--card:#fff;--ink:#1f2328;--soft:#667077;--line:#e4e2dd;
        --process:#d1495b;--cuts:#2e6fb7;--quality:#6fb1e0;--clock:#8a63b8;--disk:#d98a1f;--done:#7fb79a;
        --unknown:#d9a400;--failed:#c0392b;--middle:#20795a;--slow:#b36b00;--kept:#20795a;--broken:#b3261e}
        @media(prefers-color-scheme:dark){:root{--page:#15181b;--card:#1d2125;--ink:#e7e9ea;--soft:#98a2a9;
        --line:#31373c;--process:#e8707f;--cuts:#5b9be0;--quality:#8fc6ee;--clock:#ab8bd6;--disk:#e6a648;
        --done:#3f7d62;--unknown:#e6bd3a;--failed:#ef6a5f;--middle:#6fd0a8;--slow:#f0b35a;--kept:#57c397;
        --broken:#ff8a80}}
        *{box-sizing:border-box}body{margin:0;background:var(--page);color:var(--ink);
        font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",sans-serif}
        main{max-width:1180px;margin:0 auto;padding:28px 24px 48px}
        header{display:flex;flex-wrap:wrap;align-items:center;gap:8px 24px;margin-bottom:20px}
        h1{font-size:28px;margin:0;letter-spacing:-.02em}h1 small{color:var(--soft);font-weight:400;font-size:17px}
        h2{font-size:17px;margin:0 0 10px}h3{font-size:15px;margin:0 0 4px}
        .verdict{margin:0;padding:5px 14px;border-radius:99px;font-weight:600;color:#fff;background:var(--kept)}
        .verdict.broken{background:var(--broken)}
        @media(prefers-color-scheme:dark){.verdict{color:#10241b}.verdict.broken{color:#2b0a08}}
        .figures{display:flex;flex-wrap:wrap;gap:8px 30px;width:100%;margin-top:4px}
        .figures b{display:block;font-size:21px;line-height:1.2;font-variant-numeric:tabular-nums}
        .figures span{color:var(--soft);font-size:13px}
        section{background:var(--card);border:1px solid var(--line);border-radius:12px;padding:18px 20px;
        margin-bottom:18px}
        .pair{display:grid;grid-template-columns:repeat(auto-fit,minmax(420px,1fr));gap:18px 36px}
        @media(max-width:520px){.pair{grid-template-columns:1fr}}
        .chart,.wide{overflow-x:auto}.chart svg{display:block;width:100%;min-width:760px;height:auto}
        svg text{font:12px system-ui,-apple-system,"Segoe UI",Roboto,sans-serif;fill:var(--soft)}
        svg .name{fill:var(--ink)}svg .title{fill:var(--ink);font-weight:600;font-size:13px}
        svg .grid{stroke:var(--line);stroke-dasharray:2 4}svg .lane{stroke:var(--line)}
        svg path.done{fill:var(--done);opacity:.75}svg .line{fill:none;stroke-width:1.6;stroke-linejoin:round}
        svg .line.middle{stroke:var(--middle)}svg .line.slow{stroke:var(--slow)}
        svg rect.process{fill:var(--process)}svg rect.cuts{fill:var(--cuts)}svg rect.quality{fill:var(--quality)}
        svg rect.clock{fill:var(--clock)}svg rect.disk{fill:var(--disk)}
        svg rect.unknown{fill:var(--unknown)}svg rect.failed{fill:var(--failed)}
        i{display:inline-block;width:11px;height:11px;border-radius:3px;margin-right:7px}
        i.process{background:var(--process)}i.cuts{background:var(--cuts)}i.quality{background:var(--quality)}
        i.clock{background:var(--clock)}i.disk{background:var(--disk)}i.done{background:var(--done)}
        i.unknown{background:var(--unknown)}i.failed{background:var(--failed)}
        i.middle,i.slow{height:3px;vertical-align:middle}i.middle{background:var(--middle)}
        i.slow{background:var(--slow)}
        .legend{display:flex;flex-wrap:wrap;gap:4px 18px;list-style:none;padding:0;margin:0 0 12px;
        color:var(--soft);font-size:13px}
        table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}
        th,td{padding:5px 10px;text-align:right;border-bottom:1px solid var(--line);vertical-align:top}
        tr:last-child td{border-bottom:0}th{color:var(--soft);font-weight:500;font-size:13px}
        th:first-child,td:first-child,.text{text-align:left}
        .note,footer{color:var(--soft);font-size:13px}.note{margin:-4px 0 10px}
        article{border-left:3px solid var(--broken);padding:2px 0 2px 14px;margin-bottom:14px}article p{margin:0}
        pre{overflow-x:auto;background:var(--page);border-radius:8px;padding:10px 12px;margin:8px 0 0;
        font:12.5px/1.5 ui-monospace,"SF Mono",Menlo,Consolas,monospace}
        summary{cursor:pointer;font-weight:600}details[open] summary{margin-bottom:10px}
        code{font:13px ui-monospace,"SF Mono",Menlo,Consolas,monospace}
        """
}
