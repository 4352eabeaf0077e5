#!/bin/sh
# A stand-in for lorax: it takes the same arguments, refuses others, and makes of the
# packages of its sources a small installer that boots. The template is its /init.
set -eu
sources= template= greeting= volid= logfile= out= product= version= release= variant= arch= seen=
for arg; do
  value=${arg#*=}
  case $arg in
  --product=*) product=$value ;;
  --version=*) version=$value ;;
  --release=*) release=$value ;;
  --source=file:///*) sources="$sources ${value#file://}" ;;
  --variant=*) variant=$value ;;
  --bugurl=https://*) seen=$seen.bugurl ;;
  --noupgrade) seen=$seen.noupgrade ;;
  --isfinal) seen=$seen.isfinal ;;
  --buildarch=*) arch=$value ;;
  --volid=*) volid=$value ;;
  --installpkgs=*) seen=$seen.$value ;;
  --add-template=/*) template=$value ;;
  --add-template-var=*=*) greeting=${value#*=} ;;
  --logfile=/*) logfile=$value ;;
  --rootfs-size=*) seen=$seen.$value ;;
  --dracut-arg=*) seen=$seen.$value ;;
  -*) echo "lorax: error: unrecognized arguments: $arg" >&2; exit 2 ;;
  *) [ -z "$out" ] || { echo "lorax: two output folders" >&2; exit 2; }; out=$arg ;;
  esac
done
told="$product|$version|$release|$variant|$arch|$volid|$seen"
want="Lorax Linux|12|12|Server|x86_64|Lorax-12-Server-x86_64|.bugurl.noupgrade.isfinal.busybox-static.3.--xz"
[ "$told" = "$want" ] || { echo "lorax: told $told, want $want" >&2; exit 2; }
[ ! -e "$out" ] || { echo "lorax: output directory exists" >&2; exit 2; }
set -- $sources
[ $# = 2 ] || { echo "lorax: told $# sources, want those of os trees: $sources" >&2; exit 2; }
for s in $sources; do test -f "$s/repodata/repomd.xml"; done
echo "lorax of $product" >"$logfile"

unpacked=$(mktemp -d) && trap 'rm -rf "$unpacked"' EXIT
for rpm in $(find $sources -name '*.rpm'); do rpm2cpio "$rpm" | (cd "$unpacked" && cpio -idmu --quiet); done

mkdir -p "$out/images/pxeboot" "$out/isolinux" "$out/EFI/BOOT" "$unpacked/initrd/bin"
cp "$unpacked"/boot/vmlinuz-* "$out/images/pxeboot/vmlinuz"
cp "$unpacked/usr/bin/busybox" "$unpacked/initrd/bin/"
sed "s/@greeting@/$greeting/" "$template" >"$unpacked/initrd/init"
chmod 755 "$unpacked/initrd/init"
(cd "$unpacked/initrd" && find . | sort | cpio -o -H newc --quiet --reproducible) | gzip -n >"$out/images/pxeboot/initrd.img"
cp "$unpacked/usr/lib/ISOLINUX/isolinux.bin" "$unpacked/usr/lib/syslinux/modules/bios/ldlinux.c32" "$out/isolinux/"
cp "$unpacked/usr/lib/grub/x86_64-efi/monolithic/grubx64.efi" "$out/EFI/BOOT/BOOTX64.EFI"
args="console=ttyS0 panic=-1 quiet inst.stage2=hd:LABEL=$volid"
cat >"$out/isolinux/isolinux.cfg" <<CFG
default linux
prompt 0
timeout 1
label linux
  kernel /images/pxeboot/vmlinuz
  append initrd=/images/pxeboot/initrd.img $args
CFG
cat >"$out/EFI/BOOT/grub.cfg" <<CFG
set timeout=0
search --no-floppy --set=root -l '$volid'
menuentry 'Install $product' {
  linux /images/pxeboot/vmlinuz $args
  initrd /images/pxeboot/initrd.img
}
CFG
efi=$out/images/efiboot.img
truncate -s 8M "$efi" && mformat -i "$efi" -N 12345678 :: && mmd -i "$efi" ::EFI ::EFI/BOOT ::EFI/debian
mcopy -i "$efi" "$out/EFI/BOOT/BOOTX64.EFI" "$out/EFI/BOOT/grub.cfg" ::EFI/BOOT/
echo "configfile (\$root)/EFI/BOOT/grub.cfg" >"$unpacked/grub.cfg"
mcopy -i "$efi" "$unpacked/grub.cfg" ::EFI/debian/
xorriso -as mkisofs -quiet -V "$volid" -R -J -b isolinux/isolinux.bin -c isolinux/boot.cat -no-emul-boot \
  -boot-load-size 4 -boot-info-table -isohybrid-mbr "$unpacked/usr/lib/ISOLINUX/isohdpfx.bin" \
  -eltorito-alt-boot -e images/efiboot.img -no-emul-boot -o "$unpacked/boot.iso" "$out" 2>/dev/null
implantisomd5 "$unpacked/boot.iso" >/dev/null
mv "$unpacked/boot.iso" "$out/images/boot.iso"
echo "1769860000" >"$out/.discinfo"
cat >"$out/.treeinfo" <<INFO
[general]
name = $product-$version
family = $product
timestamp = 1769860000
variant = $variant
version = $version
arch = $arch

[images-$arch]
boot.iso = images/boot.iso
initrd = images/pxeboot/initrd.img
kernel = images/pxeboot/vmlinuz
upgrade =

[stage2]
mainimage = images/pxeboot/initrd.img
INFO
