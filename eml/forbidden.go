package eml

import (
	"path"
	"strings"
)

// forbidden are the extensions SES refuses a whole mail for (SES Developer
// Guide, "Amazon SES unsupported attachment types").
const forbidden = " ade adp app asp bas bat cer chm cmd com cpl crt csh der exe fxp gadget hlp hta inf ins isp its js jse ksh lib lnk " +
	"mad maf mag mam maq mar mas mat mau mav maw mda mdb mde mdt mdw mdz msc msh msh1 msh2 mshxml msh1xml msh2xml msi msp mst ops pcd pif " +
	"plg prf prg reg scf scr sct shb shs sys ps1 ps1xml ps2 ps2xml psc1 psc2 tmp url vb vbe vbs vps vsmacros vss vst vsw vxd ws wsc wsf wsh xnk "

// ForbiddenExtension is the extension of a file's name, ".exe", if SES refuses
// every mail with such a file, else "". It looks at the last one, as receivers
// do; dots and blanks at the end are dropped, as Windows drops them.
func ForbiddenExtension(name string) string {
	ext := strings.ToLower(path.Ext(strings.TrimRight(name, ". ")))
	if len(ext) < 2 || strings.Contains(ext, " ") || !strings.Contains(forbidden, " "+ext[1:]+" ") {
		return ""
	}
	return ext
}
