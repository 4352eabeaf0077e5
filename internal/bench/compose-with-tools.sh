#!/bin/sh
# compose-with-tools.sh REPOSITORY COMPS VARIANTS WORKERS CACHE COMPOSE [FORMER]
#
# Makes a compose the way a release engineer does it with dnf and createrepo_c: for each
# variant the packages that its groups need, a folder with links of them, repodata, and
# the proof that nothing in it lacks anything. It is the peer of internal/bench.
#
#   REPOSITORY  folder with packages and their repodata, absolute
#   COMPS       file with the groups
#   VARIANTS    file with a line for each variant: its name, and its groups; a variant
#               without groups has everything
#   CACHE       folder of dnf's caches, absolute; the next night finds it again
#   COMPOSE     folder to make, absolute
#   FORMER      the compose of the night before, whose repodata are taken up
set -eu

repository=$1 comps=$2 variants=$3 workers=$4 cache=$5 compose=$6 former=${7:-}
export LC_ALL=C
mkdir -p "$cache" "$compose"

# Weak dependencies are no reason to ship a package. dnf keeps this cache below the root.
solve() {
    dnf --nogpgcheck --installroot="$cache/root" --releasever=1 --setopt=install_weak_deps=False \
        --repofrompath="night,file://$repository" --repo=night "$@"
}

# What dnf would install for groups. Those that run side by side each have a history of
# their own, or one finds that of another locked. It prints a table below headings that end in a colon:
# six words for a package, the first of which may have a line for itself. --assumeno fails.
list() {
    variant=$1
    shift
    table="$compose/$variant.table"
    # shellcheck disable=SC2046 # a word for each group
    solve --setopt=persistdir="$cache/history-$variant" --cacheonly --assumeno install $(printf '@%s ' "$@") >"$table" 2>&1 || true
    awk '
        /^Installing.*:$/ { listing = !/Groups/; next }
        /^$|^[^ ]/ { listing = 0 }
        listing { for (i = 1; i <= NF; i++) words[n++] = $i }
        END {
            for (i = 0; i + 5 < n; i += 6) {
                sub(/^[0-9]+:/, "", words[i + 2])
                print words[i] "-" words[i + 2] "." words[i + 1] ".rpm"
            }
        }' "$table" | sort >"$compose/$variant.list"
    [ -s "$compose/$variant.list" ] || { cat "$table" >&2; return 1; }
}

# Links the packages of a variant and describes them. createrepo_c takes six times as long
# to find 60,000 packages in a folder by itself as with a sorted list of them.
tree() {
    variant=$1
    mkdir "$compose/$variant"
    (cd "$repository" && xargs -d '\n' cp -l -t "$compose/$variant") <"$compose/$variant.list"
    set -- --quiet --no-database --general-compress-type=gz --workers "$workers" \
        --groupfile "$comps" --pkglist "$compose/$variant.list"
    if [ -n "$former" ]; then
        set -- "$@" --update --update-md-path "$former/$variant" --skip-stat
    fi
    createrepo_c "$@" "$compose/$variant"
}

check() {
    dnf --quiet --nogpgcheck --releasever=1 --setopt=cachedir="$cache/check-$1" \
        --repofrompath="$1,file://$compose/$1" --repo="$1" --refresh repoclosure
}

# dnf has one thread: it runs for all variants side by side.
finish() {
    for job in $jobs; do
        wait "$job" || failed=1
    done
    jobs=''
    [ -z "$failed" ]
}

jobs='' failed=''
solve --quiet --refresh makecache
while read -r name groups; do
    if [ -n "$groups" ]; then
        # shellcheck disable=SC2086 # a word for each group
        list "$name" $groups &
        jobs="$jobs $!"
    else
        find "$repository/" -name '*.rpm' -printf '%P\n' | sort >"$compose/$name.list"
    fi
done <"$variants"
finish
while read -r name groups; do
    tree "$name"
    check "$name" &
    jobs="$jobs $!"
done <"$variants"
finish
