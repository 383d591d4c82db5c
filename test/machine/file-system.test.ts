import { expect, test } from "vitest"

import { isNetworkMount, mountType } from "../../src/machine/file-system.ts"

const MOUNTS = `/dev/sda1 / ext4 rw,relatime 0 0
tmpfs /tmp tmpfs rw 0 0
host:/x /mnt/share nfs4 rw 0 0
me@host: /mnt/my\\040disk fuse.sshfs rw 0 0
/dev/sdb1 /mnt/share/local xfs rw 0 0
overlay /tmp overlay rw 0 0
`

test.each([
  ["/srv/x", "ext4"],
  ["/mnt/share", "nfs4"],
  ["/mnt/share/a", "nfs4"],
  ["/mnt/shared", "ext4"],
  ["/mnt/share/local/a", "xfs"],
  ["/mnt/my disk/a", "fuse.sshfs"],
  ["/tmp/a", "overlay"],
])("%s lies on %s", (path, type) => {
  expect(mountType(path, MOUNTS)).toBe(type)
})

test("a mount table that says nothing gives no type", () => {
  expect(mountType("/srv", "")).toBe(null)
})

test.each([
  ["nfs", true],
  ["nfs4", true],
  ["cifs", true],
  ["smb3", true],
  ["fuse.sshfs", true],
  ["fuse.rclone", true],
  ["ext4", false],
  ["fuse.ntfs-3g", false],
  ["fuseblk", false],
  ["9p", false],
])("a mount of type %s lies on another machine: %s", (type, network) => {
  expect(isNetworkMount(type)).toBe(network)
})
