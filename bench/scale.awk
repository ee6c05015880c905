# The plot of bench/scale: lines "panel, query, events, nanoseconds an event" (tab-separated) to an SVG of four panels,
# from rows above and of stored cohorts below, one process or thread on the left and two on the right. Both axes are
# logarithmic, and the same in all panels.

BEGIN {
    FS = "\t"
    # engine: colour, width, dashes, name; a query is drawn as its engine
    engine("floor", "#8a8a8a", 1.5, "2 3", "bare scan")
    engine("funnel", "#d1430b", 3.2, "", "funnel")
    engine("funnel_64mb", "#d1430b", 1.8, "6 3", "funnel, 64 MB")
    engine("stored", "#d1430b", 3.2, "", "funnel, one cohort")
    engine("stored_sum", "#d1430b", 1.8, "6 3", "funnel, 12 cohorts")
    engine("filter", "#333333", 1.8, "", "plain SQL")
    engine("duckdb", "#b58900", 1.8, "", "DuckDB")
    engine("clickhouse", "#1f6fb4", 1.8, "", "ClickHouse")
    engine("clickhouse_in_order", "#1f6fb4", 1.8, "6 3", "ClickHouse, in order")
    heading["raw_1"] = "From rows: one process or thread"
    heading["raw_2"] = "From rows: two"
    heading["stored_1"] = "Stored cohorts: one process or thread"
    heading["stored_2"] = "Stored cohorts: two"
    width = 1210; height = 950
    plot_width = 340; plot_height = 330
    left["raw_1"] = left["stored_1"] = 70; left["raw_2"] = left["stored_2"] = 675
    top["raw_1"] = top["raw_2"] = 100; top["stored_1"] = top["stored_2"] = 535
}

function engine(key, c, w, d, label) {
    colour[key] = c; line_width[key] = w; dashes[key] = d; name[key] = label
}

# duckdb_2 is duckdb, clickhouse_1_in_order is clickhouse_in_order
function engine_of(query) {
    sub(/_[12]/, "", query)
    return query
}

$4 != "" {
    if (!(($1, $2) in points)) series[$1] = series[$1] " " $2
    n = ++points[$1, $2]
    events[$1, $2, n] = $3; ns[$1, $2, n] = $4
    if (!lowest || $4 < lowest) lowest = $4
    if ($4 > highest) highest = $4
    if (!fewest || $3 < fewest) fewest = $3
    if ($3 > most) most = $3
}

function log10(v) { return log(v) / log(10) }
function x_of(panel, v) { return left[panel] + (log10(v) - x0) / (x1 - x0) * plot_width }
function y_of(panel, v) { return top[panel] + plot_height - (log10(v) - y0) / (y1 - y0) * plot_height }
function text(x, y, anchor, style, s) {
    gsub(/&/, "\\&amp;", s); gsub(/</, "\\&lt;", s)
    printf "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\" %s>%s</text>\n", x, y, anchor, style, s
}
function stroke(x, y, u, v, style) { printf "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" %s/>\n", x, y, u, v, style }

# 1 M, 500 k
function amount(v) {
    if (v >= 1000000) return sprintf("%g M", v / 1000000)
    return v >= 1000 ? sprintf("%g k", v / 1000) : sprintf("%g", v)
}
function pen(key) {
    return sprintf("fill=\"none\" stroke=\"%s\" stroke-width=\"%s\"%s", colour[key], line_width[key],
                   dashes[key] == "" ? "" : " stroke-dasharray=\"" dashes[key] "\"")
}

function draw_panel(panel,    exponent, digit, v, x, y, i, j, k, n, query, key, labels, at, who, gap, t) {
    text(left[panel], top[panel] - 14, "start", "font-size=\"16\" font-weight=\"600\"", heading[panel])
    # values that are ticks on the logarithmic axis, with a grid
    for (exponent = int(y0) - 1; exponent <= y1; exponent++)
        for (digit = 1; digit <= 9; digit++) {
            v = digit * 10 ^ exponent
            if (log10(v) < y0 - 1e-9 || log10(v) > y1 + 1e-9) continue
            y = y_of(panel, v)
            stroke(left[panel], y, left[panel] + plot_width, y, digit == 1 ? "stroke=\"#c8c8c8\"" : "stroke=\"#eeeeee\"")
            if (digit == 1 || digit == 2 || digit == 5)
                text(left[panel] - 8, y + 4, "end", "font-size=\"12\" fill=\"#444\"", v)
        }
    for (exponent = int(x0) - 1; exponent <= x1; exponent++)
        for (digit = 1; digit <= 9; digit++) {
            v = digit * 10 ^ exponent
            if (log10(v) < x0 - 1e-9 || log10(v) > x1 + 1e-9) continue
            x = x_of(panel, v)
            stroke(x, top[panel], x, top[panel] + plot_height, digit == 1 ? "stroke=\"#c8c8c8\"" : "stroke=\"#eeeeee\"")
            if (digit == 1 || digit == 5)
                text(x, top[panel] + plot_height + 18, "middle", "font-size=\"12\" fill=\"#444\"", amount(v))
        }
    text(left[panel] + plot_width / 2, top[panel] + plot_height + 38, "middle", "font-size=\"13\" fill=\"#444\"", "events (log scale)")
    printf "<text transform=\"translate(%.1f %.1f) rotate(-90)\" text-anchor=\"middle\" font-size=\"13\" fill=\"#444\">nanoseconds an event (log scale)</text>\n",
        left[panel] - 50, top[panel] + plot_height / 2

    n = split(series[panel], query, " ")
    for (i = n; i >= 1; i--) {
        key = engine_of(query[i])
        printf "<polyline %s stroke-linejoin=\"round\" points=\"", pen(key)
        for (j = 1; j <= points[panel, query[i]]; j++)
            printf "%.1f,%.1f ", x_of(panel, events[panel, query[i], j]), y_of(panel, ns[panel, query[i], j])
        print "\"/>"
        for (j = 1; j <= points[panel, query[i]]; j++)
            printf "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"%s\" fill=\"%s\"><title>%s, %s events: %.0f ns an event</title></circle>\n",
                x_of(panel, events[panel, query[i], j]), y_of(panel, ns[panel, query[i], j]),
                (line_width[key] > 2 ? 4.2 : 3), colour[key], name[key], events[panel, query[i], j], ns[panel, query[i], j]
        who[i] = key
        j = points[panel, query[i]]
        at[i] = y_of(panel, ns[panel, query[i], j])
        labels[i] = name[key] "  " sprintf("%.0f ns", ns[panel, query[i], j])
        gap[i] = at[i]
    }
    # labels beside the last points, from the top down, pushed apart
    for (i = 2; i <= n; i++)
        for (j = i; j > 1 && gap[j - 1] > gap[j]; j--) {
            t = gap[j]; gap[j] = gap[j - 1]; gap[j - 1] = t
            t = at[j]; at[j] = at[j - 1]; at[j - 1] = t
            t = who[j]; who[j] = who[j - 1]; who[j - 1] = t
            t = labels[j]; labels[j] = labels[j - 1]; labels[j - 1] = t
            t = query[j]; query[j] = query[j - 1]; query[j - 1] = t
        }
    for (k = 0; k < 300; k++)
        for (i = 2; i <= n; i++)
            if (gap[i] - gap[i - 1] < 16) {
                t = (16 - (gap[i] - gap[i - 1])) / 2
                gap[i] += t; gap[i - 1] -= t
            }
    for (i = 1; i <= n; i++) {
        x = x_of(panel, events[panel, query[i], points[panel, query[i]]])
        stroke(x + 5, at[i], left[panel] + plot_width + 13, gap[i], "stroke=\"" colour[who[i]] "\" stroke-width=\"0.7\"")
        text(left[panel] + plot_width + 16, gap[i] + 4, "start",
             "font-size=\"12.5\" fill=\"" colour[who[i]] "\"" (line_width[who[i]] > 2 ? " font-weight=\"700\"" : ""), labels[i])
    }
}

END {
    if (!highest) exit
    x0 = log10(fewest) - 0.08; x1 = log10(most) + 0.08
    y0 = log10(lowest * 0.8); y1 = log10(highest * 1.25)
    printf "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" width=\"%d\" height=\"%d\" font-family=\"Helvetica, Arial, sans-serif\">\n", width, height, width, height
    print "<title>Cost of an event by size of the history</title>"
    printf "<rect width=\"%d\" height=\"%d\" fill=\"#ffffff\"/>\n", width, height
    text(20, 32, "start", "font-size=\"20\" font-weight=\"600\"", "What an event costs, by size of the history")
    x = 20
    split("funnel funnel_64mb floor filter duckdb clickhouse clickhouse_in_order", legend, " ")
    name_of["funnel"] = "funnel"; name_of["funnel_64mb"] = "funnel in 64 MB; of 12 cohorts"
    for (i = 1; i in legend; i++) {
        label = legend[i] in name_of ? name_of[legend[i]] : name[legend[i]]
        printf "<line x1=\"%d\" y1=\"55\" x2=\"%d\" y2=\"55\" %s/>\n", x, x + 30, pen(legend[i])
        text(x + 36, 59, "start", "font-size=\"12.5\" fill=\"#222\"", label)
        x += 36 + length(label) * 6.4 + 22
    }
    for (panel in heading)
        if (panel in series) draw_panel(panel)
    print "</svg>"
}
