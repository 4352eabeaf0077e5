package rpm

import "strconv"

// tag numbers one fact in a header. The numbers are those of rpm's rpmtag.h.
type tag uint32

// Tags of the main header.
const (
	tagRegionSignature tag = 62
	tagRegionImmutable tag = 63
	tagI18NTable       tag = 100

	tagName        tag = 1000
	tagVersion     tag = 1001
	tagRelease     tag = 1002
	tagEpoch       tag = 1003
	tagSummary     tag = 1004
	tagDescription tag = 1005
	tagBuildTime   tag = 1006
	tagBuildHost   tag = 1007
	tagSize        tag = 1009
	tagVendor      tag = 1011
	tagLicense     tag = 1014
	tagPackager    tag = 1015
	tagGroup       tag = 1016
	tagURL         tag = 1020
	tagOS          tag = 1021
	tagArch        tag = 1022
	tagPreIn       tag = 1023
	tagPostIn      tag = 1024
	tagPreUn       tag = 1025
	tagPostUn      tag = 1026
	tagSourceRPM   tag = 1044
	tagArchiveSize tag = 1046
	tagRPMVersion  tag = 1064
	tagPreInProg   tag = 1085
	tagPostInProg  tag = 1086
	tagPreUnProg   tag = 1087
	tagPostUnProg  tag = 1088
	tagLongSize    tag = 5009
	tagEncoding    tag = 5062

	tagNoSource      tag = 1051
	tagNoPatch       tag = 1052
	tagExcludeArch   tag = 1059
	tagExclusiveArch tag = 1061
	tagSourcePackage tag = 1106

	tagChangelogTime tag = 1080
	tagChangelogName tag = 1081
	tagChangelogText tag = 1082

	tagOldFileNames    tag = 1027
	tagFileSizes       tag = 1028
	tagFileModes       tag = 1030
	tagFileRdevs       tag = 1033
	tagFileMtimes      tag = 1034
	tagFileDigests     tag = 1035
	tagFileLinkTos     tag = 1036
	tagFileFlags       tag = 1037
	tagFileUserName    tag = 1039
	tagFileGroupName   tag = 1040
	tagFileVerifyFlags tag = 1045
	tagFileDevices     tag = 1095
	tagFileInodes      tag = 1096
	tagFileLangs       tag = 1097
	tagDirIndexes      tag = 1116
	tagBaseNames       tag = 1117
	tagDirNames        tag = 1118
	tagFileDigestAlgo  tag = 5011

	tagPayloadFormat     tag = 1124
	tagPayloadCompressor tag = 1125
	tagPayloadFlags      tag = 1126
	tagPayloadDigest     tag = 5092
	tagPayloadDigestAlgo tag = 5093
	tagPayloadDigestAlt  tag = 5097
)

// Tags of the signature header.
const (
	sigDSA             tag = 267
	sigRSA             tag = 268
	sigSHA1            tag = 269
	sigLongSize        tag = 270
	sigLongArchiveSize tag = 271
	sigSHA256          tag = 273
	sigOpenPGP         tag = 278  // all signatures in base64, since rpm 4.20
	sigSize            tag = 1000 // bytes of header and payload
	sigPGP             tag = 1002 // over header and payload
	sigMD5             tag = 1004
	sigGPG             tag = 1005 // over header and payload
	sigPayloadSize     tag = 1007
)

// dependencyTags are the three parallel arrays that hold one kind of dependency.
type dependencyTags struct{ name, flags, version tag }

var (
	tagsProvide    = dependencyTags{1047, 1112, 1113}
	tagsRequire    = dependencyTags{1049, 1048, 1050}
	tagsConflict   = dependencyTags{1054, 1053, 1055}
	tagsObsolete   = dependencyTags{1090, 1114, 1115}
	tagsRecommend  = dependencyTags{5046, 5048, 5047}
	tagsSuggest    = dependencyTags{5049, 5051, 5050}
	tagsSupplement = dependencyTags{5052, 5054, 5053}
	tagsEnhance    = dependencyTags{5055, 5057, 5056}
)

// Bits of dependency flags (RPMSENSE). The three of a Sense begin at bit 1.
const (
	senseShift       = 1
	senseMask        = 7 << senseShift
	flagPrereq       = 1 << 6
	flagInterp       = 1 << 8
	flagScriptPre    = 1 << 9
	flagScriptPost   = 1 << 10
	flagScriptPreun  = 1 << 11
	flagScriptPostun = 1 << 12
	flagRPMLib       = 1 << 24
	// flagPre is what makes an install order binding. Scriptlets that run on
	// removal don't: createrepo_c leaves them out of pre="1" too.
	flagPre = flagPrereq | flagScriptPre | flagScriptPost
)

// Bits of file flags (RPMFILE).
const (
	fileConfig = 1 << 0
	fileDoc    = 1 << 1
	fileGhost  = 1 << 6
)

// Bits of file modes, as in stat(2).
const (
	modeType    = 0o170000
	modeDir     = 0o040000
	modeRegular = 0o100000
	modeLink    = 0o120000
)

// kind is the type of a header entry.
type kind uint32

const (
	kindChar   kind = 1
	kindInt8   kind = 2
	kindInt16  kind = 3
	kindInt32  kind = 4
	kindInt64  kind = 5
	kindString kind = 6
	kindBinary kind = 7
	kindArray  kind = 8 // of strings
	kindI18N   kind = 9 // strings, one for each locale of the I18N table
)

// width is the size in bytes of one item; 1 is the least that a string takes.
func (k kind) width() int {
	switch k {
	case kindInt16:
		return 2
	case kindInt32:
		return 4
	case kindInt64:
		return 8
	}
	return 1
}

func (k kind) isInt() bool    { return kindInt8 <= k && k <= kindInt64 }
func (k kind) isString() bool { return k == kindString || k == kindArray || k == kindI18N }

func (k kind) String() string {
	names := [...]string{"null", "char", "int8", "int16", "int32", "int64", "string", "binary", "string array", "i18n string"}
	if int(k) < len(names) {
		return names[k]
	}
	return "type " + strconv.Itoa(int(k))
}
