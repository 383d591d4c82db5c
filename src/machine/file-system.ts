/** Which file systems lie on another machine. Decides by the numbers of statfs(2) and Linux's magic.h, nothing else. */

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
