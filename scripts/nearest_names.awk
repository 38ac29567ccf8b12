# Reads lines `setting NAME` and `variable NAME`; prints a variable and the setting that its name
# nearly is: one slip (a letter left out, added, exchanged, or two swapped) in names of 5 letters or
# more, two in names of 10 or more. What is itself a setting, or another program's, is nobody's slip.

$1 == "setting" { settings[$2] }
$1 == "variable" { variables[$2] }

END {
    split("MIN_PIXELS LOCAL_RANK", others)
    for (i in others) settings[others[i]]
    for (name in variables) {
        if (name in settings) continue
        best = 3
        for (setting in settings) {
            if (setting ~ /^(MIN_PIXELS|LOCAL_RANK)$/) continue
            allowed = length(setting) >= 10 ? 2 : length(setting) > 4 ? 1 : 0
            if (abs(length(name) - length(setting)) > allowed) continue
            slips = distance(toupper(name), setting)
            if (slips <= allowed && slips < best) { best = slips; nearest = setting }
        }
        if (best < 3) print name, nearest
    }
}

function abs(x) { return x < 0 ? -x : x }

function min(x, y) { return x < y ? x : y }

# Slips between two words (restricted Damerau-Levenshtein).
function distance(a, b,    i, j, cost, d) {
    for (i = 0; i <= length(a); i++) d[i, 0] = i
    for (j = 0; j <= length(b); j++) d[0, j] = j
    for (i = 1; i <= length(a); i++)
        for (j = 1; j <= length(b); j++) {
            cost = substr(a, i, 1) != substr(b, j, 1)
            d[i, j] = min(min(d[i - 1, j], d[i, j - 1]) + 1, d[i - 1, j - 1] + cost)
            if (i > 1 && j > 1 && substr(a, i, 1) == substr(b, j - 1, 1) \
                && substr(a, i - 1, 1) == substr(b, j, 1))
                d[i, j] = min(d[i, j], d[i - 2, j - 2] + 1)
        }
    return d[length(a), length(b)]
}
