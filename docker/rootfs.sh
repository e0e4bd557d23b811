#!/bin/sh
# Copies programs, with the libraries that they load, to a new root: rootfs.sh ROOT PROGRAM...
# Also copies what Debian says of the packages that they come from: the licences, and the record that scanners look for
# in an image without dpkg (/var/lib/dpkg/status.d).
set -eu

# The package of a file. Debian knows some files below /usr under their older name without it, and the reverse.
package() {
    for name in "$1" "/usr$1" "${1#/usr}"; do
        if found=$(dpkg-query -S "$name" 2> /dev/null); then
            echo "${found%%:*}"
            return
        fi
    done
    echo "rootfs.sh: no package has $1" >&2
    return 1
}

root=$1
shift
mkdir -p "$root/var/lib/dpkg/status.d"
for program in "$@"; do
    libraries=$(ldd "$program" | grep -o '/[^ ]*')
    for file in "$program" $libraries; do
        cp -L --parents "$file" "$root"
        package=$(package "$(readlink -f "$file")")
        dpkg-query -s "$package" > "$root/var/lib/dpkg/status.d/$package"
        cp -L --parents "/usr/share/doc/$package/copyright" "$root"
    done
done
# The licences that the copyright files only name.
cp -rL --parents /usr/share/common-licenses "$root"
