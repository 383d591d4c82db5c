/**
 * Which file systems lie on another machine. Decides by the numbers of statfs(2) and Linux's magic.h; and, for people who
 * want to know more, by the names of the mount table.
 */

const NETWORK: ReadonlyMap<number, string> = new Map([
  [0x6969, "NFS"],
  [0x517b, "SMB"],
  [0xff534d42, "CIFS"],
  [0xfe534d42, "SMB"],
  [0x00c36400, "Ceph"],
  [0x0bd00bd0, "Lustre"],
  [0x47504653, "GPFS"],
  [0x01161970, "GFS2"],
  [0x7461636f, "OCFS2"],
  [0x20030528, "OrangeFS"],
  [0x5346414f, "AFS"],
  [0x6b414653, "AFS"],
  [0x73757245, "Coda"],
  [0x564c, "NCP"],
  [0x786f4256, "a VirtualBox shared folder"],
  [0xbacbacbc, "a VMware shared folder"],
])

/**
 * The name of the network file system with this `f_type`, or null for a local or unknown one.
 *
 * FUSE and 9P are taken for local: their numbers do not tell a disk (ntfs-3g) or a sandbox's root (gVisor) from another
 * machine (sshfs).
 */
export function networkFileSystem(type: number): string | null {
  // A 32-bit kernel tells the same 32 bits with a sign.
  return NETWORK.get(type >>> 0) ?? null
}

/** The type of the mount that holds `path`, such as `ext4`, by the text of /proc/mounts; null: it does not say. */
export function mountType(path: string, mounts: string): string | null {
  let found: { readonly at: string; readonly type: string } | null = null
  for (const line of mounts.split("\n")) {
    const [, mounted = "", type = ""] = line.split(" ")
    // Blanks and backslashes are written in octal (proc(5)).
    const at = mounted.replaceAll(/\\([0-7]{3})/g, (_, digits: string) =>
      String.fromCodePoint(Number.parseInt(digits, 8)),
    )
    const holds = at === "/" || path === at || path.startsWith(`${at}/`)
    // Of two at one place the later hides the earlier.
    if (at !== "" && holds && at.length >= (found?.at.length ?? 0)) found = { at, type }
  }
  return found?.type ?? null
}

/** True where the mount table's type lies on another machine: also FUSE, whose number does not tell. */
export function isNetworkMount(type: string): boolean {
  return /^(?:nfs\d?|cifs|smb\w*|ceph|lustre|gpfs|gfs2|ocfs2|afs|coda|vboxsf|glusterfs)$|^fuse\.(?:sshfs|rclone|s3fs|glusterfs|davfs\w*|vmhgfs\S*|gvfsd\S*)$/.test(
    type,
  )
}
